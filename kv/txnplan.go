package kv

import (
	"strconv"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// txnplan.go - how the steps of a transaction become messages of a batch. It is pure.
//
//	steps                       messages
//	update ann (revision 7)     ann, if the last of ann is 7
//	put    bob                  bob, if the last of rates is 3   ◄─┐ a message can name one
//	expect rates (revision 3)                                    ──┘ other key and its revision
//
// The expectation of a key that is written is in its own message. That of another key is carried
// by a message that has none of its own; if none is left, the smallest message is stored once
// more to carry it.

// txnStep is one step of a transaction.
type txnStep struct {
	op, key  string
	in       string // the key as it is in the bucket
	data     []byte
	header   api.Header // of its message; nil for none
	writes   bool
	compares bool
	absent   bool   // the key must have no value; it may have a marker
	expected uint64 // if it compares: the expected last revision of the key
}

// none stands for no step.
const none = -1

// txnMsg is one message of a transaction.
type txnMsg struct {
	step    int  // whose change it is
	compare int  // the step whose expectation it carries, or none
	again   bool // the change has a message before this one
}

// planTxn returns the messages for the steps; nil if nothing is written.
func planTxn(steps []txnStep) []txnMsg {
	var riders []int
	smallest := none
	for i := range steps {
		switch s := &steps[i]; {
		case !s.writes:
			riders = append(riders, i)
		case smallest == none || len(s.data) < len(steps[smallest].data):
			smallest = i
		}
	}
	if smallest == none {
		return nil
	}
	next := func() int {
		if len(riders) == 0 {
			return none
		}
		rider := riders[0]
		riders = riders[1:]
		return rider
	}
	var msgs []txnMsg
	for i := range steps {
		switch {
		case steps[i].writes && steps[i].compares:
			msgs = append(msgs, txnMsg{step: i, compare: i})
		case steps[i].writes:
			msgs = append(msgs, txnMsg{step: i, compare: next()})
		}
	}
	for len(riders) > 0 {
		msgs = append(msgs, txnMsg{step: smallest, compare: next(), again: true})
	}
	return msgs
}

// message returns the i-th message as it is published. id is the transaction's.
func (m txnMsg) message(steps []txnStep, at place, id string) *api.Msg {
	s := &steps[m.step]
	h := make(api.Header, len(s.header)+3)
	for key, values := range s.header {
		h[key] = values
	}
	if m.again {
		delete(h, jetstream.MsgRollup) // it would remove the first one
	}
	h[jetstream.MsgIDHeader] = []string{id}
	if m.compare != none {
		c := &steps[m.compare]
		h[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(c.expected, 10)}
		if m.compare != m.step {
			// The stream compares its own subjects, from which those of publishes may differ.
			h[jetstream.ExpectedLastSubjSeqSubjHeader] = []string{at.read + c.in}
		}
	}
	return &api.Msg{Subject: at.write + s.in, Header: h, Data: s.data}
}

// revisionsOf returns the revisions of the keys, given that of the last message.
func revisionsOf(steps []txnStep, msgs []txnMsg, last uint64) map[string]uint64 {
	revisions := make(map[string]uint64, len(steps))
	first := last + 1 - uint64(len(msgs))
	for i, m := range msgs {
		revisions[steps[m.step].key] = first + uint64(i)
	}
	return revisions
}

// judged is the reason why a transaction was refused.
type judged struct {
	conflict int  // the step whose key is not as expected, or none
	moved    bool // the expectation of a step has changed: a marker stands where nothing was
}

// judgeTxn compares the steps with the last revisions that their keys have now: found has one
// for each step, nil for none. A step that allows a marker expects that marker from now on.
func judgeTxn(steps []txnStep, found []*found) judged {
	j := judged{conflict: none}
	for i := range steps {
		s := &steps[i]
		if !s.compares {
			continue
		}
		last := uint64(0)
		if found[i] != nil {
			last = found[i].revision
		}
		switch {
		case s.expected == last:
		case s.absent && (last == 0 || found[i].op != OpPut):
			s.expected, j.moved = last, true
		default:
			return judged{conflict: i}
		}
	}
	return j
}
