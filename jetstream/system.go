package jetstream

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// SystemManager makes the calls that servers accept only from their system account: for the
// cluster as a whole, and for any account's streams. It is safe for concurrent use. The rules of
// StreamManager apply to its calls. A single server answers only PurgeAccount.
type SystemManager struct {
	js *jetStream
}

// NewSystemManager returns the manager of a connection in the system account. Nothing is sent;
// calls on a connection in another account return ErrNotSystemAccount. ErrInvalidConnection for
// nil; ErrInvalidOption.
func NewSystemManager(nc *api.Conn, options ...JetStreamOpt) (*SystemManager, error) {
	js, err := open(nc, JetStreamOptions{}, options)
	if err != nil {
		return nil, err
	}
	return &SystemManager{js: js.(*jetStream)}, nil
}

// ready refuses a call on a connection in another account: it would get no answer. A server
// reports the account right after the connect; servers before 2.11 do not.
func (m *SystemManager) ready(ctx context.Context, r request) error {
	nc := m.js.nc
	if nc.RemoteAccount() == "" {
		if err := nc.FlushWithContext(ctx); err != nil {
			return m.js.callError(r, err)
		}
	}
	if account := nc.RemoteAccount(); account != "" && !nc.IsSystemAccount() {
		return &NameError{Name: account, Reason: "is the account of the connection", Err: ErrNotSystemAccount}
	}
	return nil
}

// succeed makes a call that returns only success.
func (m *SystemManager) succeed(ctx context.Context, r request) error {
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := m.ready(ctx, r); err != nil {
		return err
	}
	return m.js.succeed(ctx, r)
}

// need refuses a call that the connected server does not know. The request itself cannot demand a
// level: servers do not answer calls of the system account that have a header.
func (m *SystemManager) need(ctx context.Context, r request, level int) error {
	r.level, r.feature = level, r.subject
	return m.js.needLevel(ctx, r)
}

// ServerRef names a server of the cluster. PeerID takes precedence over Name.
type ServerRef struct {
	Name   string `json:"peer"`
	PeerID string `json:"peer_id,omitempty"`
}

// check returns an ErrInvalidOption for a reference to nothing.
func (r ServerRef) check() error {
	if r == (ServerRef{}) {
		return &OptionError{Option: "server", Reason: "has neither a name nor a peer ID"}
	}
	return nil
}

// StepDownMeta makes the cluster elect another meta leader. A placement says which servers may be
// elected, or with Preferred which one should be; nil for any. Errors: ErrNoSuitablePeers.
func (m *SystemManager) StepDownMeta(ctx context.Context, placement *Placement) error {
	return m.succeed(ctx, request{op: "step down meta leader", subject: "META.LEADER.STEPDOWN", body: stepDownBody(placement)})
}

// RemoveServer removes a server from the cluster: its streams move to other servers, as far as
// there are any. It is for servers that are permanently gone. Errors: ErrServerNotMember;
// ErrMemberChangeInProgress.
func (m *SystemManager) RemoveServer(ctx context.Context, server ServerRef) error {
	if err := server.check(); err != nil {
		return err
	}
	return m.succeed(ctx, request{op: "remove server", subject: "SERVER.REMOVE", body: server})
}

// EvacuateServer moves everything off a server, which releases each stream only when another one
// has it. Server 2.15. Errors: ErrServerNotMember.
func (m *SystemManager) EvacuateServer(ctx context.Context, server ServerRef) error {
	if err := server.check(); err != nil {
		return err
	}
	r := request{op: "evacuate server", subject: "SERVER.EVACUATE", body: server}
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := m.need(ctx, r, level215); err != nil {
		return err
	}
	return m.succeed(ctx, r)
}

// RescueResult is the answer of one server to RescueMeta.
type RescueResult struct {
	// Server is its name.
	Server string `json:"server"`
	// ServerID is its id.
	ServerID string `json:"server_id"`
	// PrevQuorum is how many servers had to agree before.
	PrevQuorum int `json:"prev_quorum,omitempty"`
	// NewQuorum is how many have to agree now.
	NewQuorum int `json:"new_quorum,omitempty"`
	// Error is why it refused; nil if it did not.
	Error *APIError `json:"error,omitempty"`
}

// rescueStall ends the wait for further servers: each of them answers at once.
const rescueStall = time.Second

// RescueMeta lowers the quorum of the cluster until a leader is elected, on every reachable
// server, so that the rest of a cluster continues without permanently lost servers. It is unsafe
// while they may come back. It returns the answer of each server, and the first refusal as the
// error. Server 2.15.
func (m *SystemManager) RescueMeta(ctx context.Context, quorum int) ([]RescueResult, error) {
	if quorum < 1 {
		return nil, &OptionError{Option: "quorum", Reason: strconv.Itoa(quorum) + " is less than 1"}
	}
	r := request{op: "rescue meta", subject: "META.RESCUE"}
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := firstError(m.ready(ctx, r), m.need(ctx, r, level215)); err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		Quorum int `json:"quorum_needed"`
	}{quorum})
	if err != nil {
		return nil, m.js.callError(r, err)
	}
	var results []RescueResult
	var refused error
	for answer, err := range m.js.nc.RequestMany(ctx, m.js.subject(r.subject), body, api.RequestManyStall(rescueStall)) {
		if err != nil {
			return results, m.js.callError(r, err)
		}
		var result RescueResult
		if err := json.Unmarshal(answer.Data, &result); err != nil {
			return results, m.js.callError(r, &ResponseError{Err: err})
		}
		results = append(results, result)
		if refused == nil {
			refused = m.js.refused(r, answer.Data)
		}
	}
	if len(results) == 0 {
		return nil, m.js.callError(r, &api.TimeoutError{Op: r.op, Subject: m.js.subject(r.subject), Sent: true})
	}
	return results, refused
}

// PurgeAccount removes all streams of an account, and all its other data on disk. In a cluster it
// returns when that has begun. Errors: ErrInvalidName.
func (m *SystemManager) PurgeAccount(ctx context.Context, account string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	r := request{op: "purge account", subject: "ACCOUNT.PURGE." + account}
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := m.ready(ctx, r); err != nil {
		return err
	}
	answer, err := call[struct {
		Initiated bool `json:"initiated"`
	}](ctx, m.js, r)
	switch {
	case err != nil:
		return err
	case !answer.Initiated:
		return m.js.callError(r, &ResponseError{Err: errNoSuccess})
	default:
		return nil
	}
}

// StreamMove says where to move a stream. With the zero value the servers choose.
type StreamMove struct {
	// Server to move away from; empty for one that the servers choose.
	Server string `json:"server,omitempty"`
	// Cluster that Server is in; empty for any.
	Cluster string `json:"cluster,omitempty"`
	// Domain that Server is in; empty for any.
	Domain string `json:"domain,omitempty"`
	// Tags that the new servers must have.
	Tags []string `json:"tags,omitempty"`
}

// MoveStream moves a stream of any account to other servers, and returns when that has
// begun; see ClusterControl.AwaitReconfigured. Errors: ErrStreamNotFound;
// ErrAccountNotFound; ErrServerNotMember; ErrPeerNotMember; ErrNoSuitablePeers.
func (m *SystemManager) MoveStream(ctx context.Context, account, stream string, move StreamMove) (*StreamInfo, error) {
	return m.moved(ctx, [2]string{account, stream}, request{op: "move stream", subject: "ACCOUNT.STREAM.MOVE.", body: move})
}

// CancelStreamMove cancels the change of peers of a stream of any account that is in progress.
// Errors: ErrStreamReconfigureNotInProgress.
func (m *SystemManager) CancelStreamMove(ctx context.Context, account, stream string) (*StreamInfo, error) {
	return m.moved(ctx, [2]string{account, stream}, request{op: "cancel move of stream", subject: "ACCOUNT.STREAM.CANCEL_MOVE."})
}

// moved makes a call for a stream of an account.
func (m *SystemManager) moved(ctx context.Context, names [2]string, r request) (*StreamInfo, error) {
	if err := firstError(checkAccount(names[0]), checkStreamName(names[1])); err != nil {
		return nil, err
	}
	r.subject += names[0] + "." + names[1]
	r.stream = names[1]
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := m.ready(ctx, r); err != nil {
		return nil, err
	}
	return m.js.streamInfo(ctx, r)
}

// checkAccount returns an ErrInvalidName unless an account can have that name.
func checkAccount(account string) error {
	if account == "" || strings.ContainsAny(account, `.*>\/`) || strings.ContainsFunc(account, isBlank) {
		return &NameError{Name: account, Reason: "is not a valid account name", Err: ErrInvalidName}
	}
	return nil
}
