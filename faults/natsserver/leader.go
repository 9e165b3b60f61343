package natsserver

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// askAgain is the pause before a leader is asked to step down once more: it may have
	// been elected again, or not be known to the others yet.
	askAgain = 500 * time.Millisecond

	// answerMax is how long the meta leader has to answer: one that has lost the lead
	// meanwhile does not.
	answerMax = 5 * time.Second

	metaStepDown = "$JS.API.META.LEADER.STEPDOWN"
)

// Group is something that a cluster with JetStream elects a leader for: a stream, one of
// its consumers, or, as the zero value, the meta group, which is the cluster's own
// directory of streams.
type Group struct {
	// Account is empty for the account of clients without one. With an Operator it is the
	// account's public key.
	Account          string
	Stream, Consumer string
}

// String names the group, as in "consumer C of stream S".
func (g Group) String() string {
	var text string
	switch {
	case g.Consumer != "":
		text = fmt.Sprintf("consumer %s of stream %s", g.Consumer, g.Stream)
	case g.Stream != "":
		text = "stream " + g.Stream
	default:
		return "meta group"
	}
	if g.Account != "" {
		text += " in account " + g.Account
	}
	return text
}

func (g Group) account() string {
	if g.Account == "" {
		return server.DEFAULT_GLOBAL_ACCOUNT
	}
	return g.Account
}

// leads reports whether srv leads the group.
func (g Group) leads(srv *server.Server) bool {
	switch {
	case g.Consumer != "":
		return srv.JetStreamIsConsumerLeader(g.account(), g.Stream, g.Consumer)
	case g.Stream != "":
		return srv.JetStreamIsStreamLeader(g.account(), g.Stream)
	}
	return srv.JetStreamIsLeader()
}

// replicas returns how many servers form the group of a stream or a consumer, as far as
// srv knows: 0 if srv is not one of them.
func (g Group) replicas(srv *server.Server) int {
	account, err := srv.JszAccount(&server.JSzOptions{Account: g.account(), Streams: true, Consumer: true})
	if err != nil {
		return 0
	}
	for _, stream := range account.Streams {
		if stream.Name != g.Stream {
			continue
		}
		if g.Consumer == "" {
			return copies(stream.Cluster)
		}
		for _, consumer := range stream.Consumer {
			if consumer.Name == g.Consumer {
				return copies(consumer.Cluster)
			}
		}
	}
	return 0
}

func copies(info *server.ClusterInfo) int {
	if info == nil {
		return 1
	}
	return len(info.Replicas) + 1
}

// Leader returns the member that leads a group, and waits for one during an election. The
// error is an [*UnknownGroupError] when no running member is in such a group, and a
// [*NoLeaderError] when ctx ends first.
func (c *Cluster) Leader(ctx context.Context, g Group) (*Server, error) {
	if !c.knows(g) {
		return nil, &UnknownGroupError{Group: g}
	}
	for {
		if leader := c.leader(g); leader != nil {
			return leader, nil
		}
		if err := pause(ctx); err != nil {
			return nil, &NoLeaderError{Group: g, Cause: err}
		}
	}
}

// StepDown makes the leader of a group hand over to another member, waits until that one
// leads, and returns it. In addition to the errors of Leader there is a
// [*NoElectionError] for a group with only one member. The meta leader is asked through a
// user of the system account, which a cluster with JetStream has in addition to others;
// if Options.Edit sets a CustomClientAuthentication there is no such user, and the error
// is an [*OptionError].
func (c *Cluster) StepDown(ctx context.Context, g Group) (*Server, error) {
	old, err := c.Leader(ctx, g)
	if err != nil {
		return nil, err
	}
	if n := c.replicas(old.Server(), g); n < 2 {
		return nil, &NoElectionError{Group: g, Replicas: n}
	}
	var asked time.Time
	for {
		leader := c.leader(g)
		if leader != nil && leader != old {
			return leader, nil
		}
		if leader == old && time.Since(asked) > askAgain {
			asked = time.Now()
			err = c.ask(ctx, old, g)
		}
		if err != nil {
			return nil, fmt.Errorf("natsserver: step-down of %v: %w", g, err)
		}
		if err := pause(ctx); err != nil {
			return nil, &NoLeaderError{Group: g, Cause: err}
		}
	}
}

// pause is the pause between two checks of an election: a server's own process has to
// poll for the outcome.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(formPause):
		return nil
	}
}

func (c *Cluster) knows(g Group) bool {
	if !c.streams {
		return false
	}
	for _, m := range c.members {
		if srv := m.present(); srv != nil && c.replicas(srv, g) > 0 {
			return true
		}
	}
	return false
}

// replicas returns how many servers form a group, as far as srv knows. The meta group has
// all members.
func (c *Cluster) replicas(srv *server.Server, g Group) int {
	if g.Stream == "" {
		return len(c.members)
	}
	return g.replicas(srv)
}

// leader returns the member that currently leads a group, nil if none does.
func (c *Cluster) leader(g Group) *Server {
	for _, m := range c.members {
		if srv := m.present(); srv != nil && g.leads(srv) {
			return m
		}
	}
	return nil
}

// ask asks the leader of a group to step down.
func (c *Cluster) ask(ctx context.Context, leader *Server, g Group) error {
	srv := leader.Server()
	switch {
	case g.Consumer != "":
		return srv.JetStreamStepdownConsumer(g.account(), g.Stream, g.Consumer)
	case g.Stream != "":
		return srv.JetStreamStepdownStream(g.account(), g.Stream)
	}
	return leader.askMeta(ctx)
}

// askMeta asks the meta leader to step down, with a request in the system account.
func (s *Server) askMeta(ctx context.Context) error {
	user, err := s.systemUser()
	if err != nil {
		return err
	}
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.NoReconnect(), nats.Timeout(answerMax), user)
	if err != nil {
		return err
	}
	defer nc.Close()
	within, cancel := context.WithTimeout(ctx, answerMax)
	defer cancel()
	answer, err := nc.RequestWithContext(within, metaStepDown, nil)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return nil // whoever leads now is asked, if it is the same
	}
	if err != nil {
		return err
	}
	var response server.JSApiLeaderStepDownResponse
	if err := json.Unmarshal(answer.Data, &response); err != nil {
		return err
	}
	if response.Error != nil {
		return response.Error
	}
	return nil
}

// systemUser returns the credentials of the system account's user.
func (s *Server) systemUser() (nats.Option, error) {
	s.mu.Lock()
	operator := s.opts.Operator
	s.mu.Unlock()
	switch {
	case s.strangers.Load():
		return nil, &OptionError{Option: "Edit", Why: "CustomClientAuthentication knows no user of the system account"}
	case operator == nil:
		return nats.UserInfo(systemUser, s.at.system), nil
	}
	user, err := operator.systemAccount.User("troupe")
	if err != nil {
		return nil, err
	}
	return nats.UserJWTAndSeed(user.JWT, user.Seed), nil
}
