package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// ClusterControl moves a stream, and its consumers, among the servers of a cluster. A single
// server has nothing to move: the calls return ErrClusterRequired, or succeed without an effect.
// The rules of StreamManager apply to its calls. Peers are named as in ClusterInfo, by server or
// by peer.
type ClusterControl interface {
	// StepDownLeader makes the stream elect another leader. A placement says which servers may be
	// elected, or with Preferred which one should be; nil for any. It returns when the leader has
	// stepped down, before another is elected. Errors: ErrClusterNotAvailable without a leader;
	// ErrNoSuitablePeers.
	StepDownLeader(ctx context.Context, placement *Placement) error
	// RemovePeer removes the stream and its consumers from a server, and places them on another
	// one if there is one. Errors: ErrPeerNotMember.
	RemovePeer(ctx context.Context, peer string) error
	// EvacuatePeer is RemovePeer that releases the server only when another one has everything.
	// Server 2.15. Errors: ErrPeerNotMember; ErrStreamReconfigureInProgress.
	EvacuatePeer(ctx context.Context, peer string) error
	// CancelReconfiguration cancels the change of peers that is in progress: a move, an
	// evacuation, another number of replicas. Server 2.15. Errors:
	// ErrStreamReconfigureNotInProgress.
	CancelReconfiguration(ctx context.Context) (*StreamInfo, error)
	// AwaitReconfigured waits until no change of peers is in progress and the stream has a
	// leader. A context without a deadline allows DefaultTimeout. With an error it returns the
	// latest info, nil if none came: ClusterInfo.Desired says what it waits for.
	AwaitReconfigured(ctx context.Context) (*StreamInfo, error)

	// StepDownConsumerLeader is StepDownLeader for a consumer.
	StepDownConsumerLeader(ctx context.Context, consumer string, placement *Placement) error
	// RemoveConsumerPeer is RemovePeer for a consumer alone. Server 2.15.
	RemoveConsumerPeer(ctx context.Context, consumer, peer string) error
	// EvacuateConsumerPeer is EvacuatePeer for a consumer alone. Server 2.15.
	EvacuateConsumerPeer(ctx context.Context, consumer, peer string) error
}

// stepDownRequest asks a leader to step down.
type stepDownRequest struct {
	Placement *Placement `json:"placement,omitempty"`
}

// stepDownBody is empty without a placement: servers before 2.11 refuse any other.
func stepDownBody(placement *Placement) any {
	if placement == nil {
		return nil
	}
	return stepDownRequest{placement}
}

// peerRequest names a peer.
type peerRequest struct {
	Peer string `json:"peer"`
}

// movePeer makes a call that names a peer.
func (js *jetStream) movePeer(ctx context.Context, r request, peer string) error {
	if peer == "" {
		return &OptionError{Option: "peer", Reason: "is empty"}
	}
	r.body = peerRequest{peer}
	return js.succeed(ctx, r)
}

// StepDownLeader makes the stream elect another leader.
func (s *stream) StepDownLeader(ctx context.Context, placement *Placement) error {
	return s.js.succeed(ctx, s.request("step down leader of stream", "STREAM.LEADER.STEPDOWN.", stepDownBody(placement)))
}

// RemovePeer removes the stream from a server.
func (s *stream) RemovePeer(ctx context.Context, peer string) error {
	return s.js.movePeer(ctx, s.request("remove peer of stream", "STREAM.PEER.REMOVE.", nil), peer)
}

// EvacuatePeer removes the stream from a server once another one has it.
func (s *stream) EvacuatePeer(ctx context.Context, peer string) error {
	r := s.request("evacuate peer of stream", "STREAM.PEER.EVACUATE.", nil)
	r.level, r.feature = level215, "STREAM.PEER.EVACUATE"
	return s.js.movePeer(ctx, r, peer)
}

// CancelReconfiguration cancels the change of peers that is in progress.
func (s *stream) CancelReconfiguration(ctx context.Context) (*StreamInfo, error) {
	r := s.request("cancel reconfiguration of stream", "STREAM.CANCEL_MOVE.", nil)
	r.level, r.feature = level215, "STREAM.CANCEL_MOVE"
	return s.js.streamInfo(ctx, r)
}

const (
	// The pause between two looks at a stream grows from Min to Max.
	reconfigurePauseMin = 50 * time.Millisecond
	reconfigurePauseMax = 2 * time.Second
	// A look at a stream without a leader gets no answer.
	reconfigureLookMax = 2 * time.Second
	// reconfigureGoneMax is how many looks in a row must find no stream before it counts as gone:
	// a server that was just given one does not know it yet.
	reconfigureGoneMax = 5
)

// AwaitReconfigured waits until no change of peers is in progress.
func (s *stream) AwaitReconfigured(ctx context.Context) (*StreamInfo, error) {
	ctx, cancel := s.js.bound(ctx)
	defer cancel()
	var last *StreamInfo
	gone := 0
	for pause := reconfigurePauseMin; ; pause = min(2*pause, reconfigurePauseMax) {
		info, err := s.look(ctx)
		switch {
		case err == nil:
			last, gone = info, 0
			if c := info.Cluster; c == nil || c.Desired == nil && c.Leader != "" {
				return info, nil
			}
		case errors.Is(err, ErrStreamNotFound) && gone < reconfigureGoneMax:
			gone++
		case ctx.Err() != nil || !kind.CanRetry(err) && !errors.Is(err, api.ErrTimeout):
			return last, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return last, s.js.callError(s.request("await reconfiguration of stream", "STREAM.INFO.", nil), context.Cause(ctx))
		}
	}
}

// look asks once for the stream's info.
func (s *stream) look(ctx context.Context) (*StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, reconfigureLookMax)
	defer cancel()
	return s.Info(ctx)
}

// StepDownConsumerLeader makes a consumer elect another leader.
func (s *stream) StepDownConsumerLeader(ctx context.Context, consumer string, placement *Placement) error {
	if err := checkConsumerName(consumer); err != nil {
		return err
	}
	r := s.js.consumerCall("step down leader of consumer", "CONSUMER.LEADER.STEPDOWN.", s.name, consumer)
	r.body = stepDownBody(placement)
	return s.js.succeed(ctx, r)
}

// RemoveConsumerPeer removes a consumer from a server.
func (s *stream) RemoveConsumerPeer(ctx context.Context, consumer, peer string) error {
	return s.moveConsumer(ctx, "remove peer of consumer", "CONSUMER.PEER.REMOVE", [2]string{consumer, peer})
}

// EvacuateConsumerPeer removes a consumer from a server once another one has it.
func (s *stream) EvacuateConsumerPeer(ctx context.Context, consumer, peer string) error {
	return s.moveConsumer(ctx, "evacuate peer of consumer", "CONSUMER.PEER.EVACUATE", [2]string{consumer, peer})
}

// moveConsumer makes a call that removes a consumer from a peer.
func (s *stream) moveConsumer(ctx context.Context, op, subject string, names [2]string) error {
	if err := checkConsumerName(names[0]); err != nil {
		return err
	}
	r := s.js.consumerCall(op, subject+".", s.name, names[0])
	r.level, r.feature = level215, subject
	return s.js.movePeer(ctx, r, names[1])
}
