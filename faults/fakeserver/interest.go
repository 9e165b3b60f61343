package fakeserver

import (
	"cmp"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// Subscription is the server's view of one subscription of a client.
type Subscription struct {
	Subject   string
	Queue     string // empty for none
	SID       uint64 // the client's number for it
	Max       int    // messages after which it ends; 0 is never
	Delivered int    // messages so far, on this connection
}

// subscription is one entry of interest. Guarded by the server's mu.
type subscription struct {
	Subscription
	client *Client
	order  uint64 // increases with each SUB of any client
}

// interest has all subscriptions. Guarded by the server's mu.
type interest struct {
	clients  map[*Client]map[uint64]*subscription // by client and sid; an entry for each connected client
	literal  map[string][]*subscription           // by subject, oldest first
	patterns []*subscription                      // those with wildcards, oldest first
	added    uint64
}

func newInterest() interest {
	return interest{clients: map[*Client]map[uint64]*subscription{}, literal: map[string][]*subscription{}}
}

// add adds a subscription of a connected client.
func (i *interest) add(sub *subscription) {
	i.added++
	sub.order = i.added
	i.clients[sub.client][sub.SID] = sub
	if protocol.HasWildcard(sub.Subject) {
		i.patterns = append(i.patterns, sub)
		return
	}
	i.literal[sub.Subject] = append(i.literal[sub.Subject], sub)
}

// remove removes a subscription.
func (i *interest) remove(sub *subscription) {
	delete(i.clients[sub.client], sub.SID)
	isSub := func(other *subscription) bool { return other == sub }
	if protocol.HasWildcard(sub.Subject) {
		i.patterns = slices.DeleteFunc(i.patterns, isSub)
		return
	}
	i.literal[sub.Subject] = slices.DeleteFunc(i.literal[sub.Subject], isSub)
	if len(i.literal[sub.Subject]) == 0 {
		delete(i.literal, sub.Subject)
	}
}

// leave removes a client with all its subscriptions.
func (i *interest) leave(c *Client) {
	isHis := func(sub *subscription) bool { return sub.client == c }
	i.patterns = slices.DeleteFunc(i.patterns, isHis)
	for _, sub := range i.clients[c] {
		rest := slices.DeleteFunc(i.literal[sub.Subject], isHis)
		if len(rest) == 0 {
			delete(i.literal, sub.Subject)
		} else {
			i.literal[sub.Subject] = rest
		}
	}
	delete(i.clients, c)
}

// match returns the receivers of a message: plain subscriptions, oldest first, and the
// members of each queue group, groups in the order of their oldest member. The lists
// belong to the caller.
func (i *interest) match(subject string) (plain []*subscription, groups [][]*subscription) {
	all := slices.Clone(i.literal[subject])
	for _, sub := range i.patterns {
		if protocol.Match(sub.Subject, subject) {
			all = append(all, sub)
		}
	}
	slices.SortFunc(all, func(a, b *subscription) int { return cmp.Compare(a.order, b.order) })
	at := map[string]int{} // index of a queue group in groups
	for _, sub := range all {
		if sub.Queue == "" {
			plain = append(plain, sub)
			continue
		}
		n, known := at[sub.Queue]
		if !known {
			n = len(groups)
			at[sub.Queue] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], sub)
	}
	return plain, groups
}

// route delivers a message of a client and returns the clients whose queue is full. The
// caller holds mu, so that no message follows the answer to an UNSUB.
func (s *Server) route(from *Client, f *Frame) (slow []*Client) {
	plain, groups := s.interest.match(f.Subject)
	delivered := false
	deliver := func(sub *subscription) bool {
		ok, err := s.deliver(from, sub, f)
		if err != nil {
			slow = append(slow, sub.client)
		}
		delivered = delivered || ok
		return ok
	}
	for _, sub := range plain {
		deliver(sub)
	}
	for _, members := range groups {
		first := s.random.IntN(len(members))
		for n := range members {
			if deliver(members[(first+n)%len(members)]) {
				break
			}
		}
	}
	if !delivered && f.Reply != "" && !from.noResponders(s.interest, f) {
		slow = append(slow, from)
	}
	return slow
}

// deliver queues a message for a subscription, and ends a subscription that has had its
// last message. It reports false if the message is not delivered, as it is the client's
// own and echo is off.
func (s *Server) deliver(from *Client, sub *subscription, f *Frame) (bool, error) {
	connect := sub.client.hello()
	if sub.client == from && !connect.Echo {
		return false, nil
	}
	sub.Delivered++
	if sub.Max > 0 && sub.Delivered >= sub.Max {
		s.interest.remove(sub)
	}
	var raw []byte
	if len(f.Header) > 0 && connect.Headers && s.info.Headers {
		raw = protocol.AppendHMsg(nil, f.Subject, sub.SID, f.Reply, f.Header, f.Payload)
	} else {
		raw = protocol.AppendMsg(nil, f.Subject, sub.SID, f.Reply, f.Payload)
	}
	return true, sub.client.queue(raw)
}

// noResponders tells a client that enabled it that nobody got its request. It reports
// false when the client's queue is full.
func (c *Client) noResponders(in interest, f *Frame) bool {
	if !c.hello().NoResponders {
		return true
	}
	plain, _ := in.match(f.Reply)
	for _, sub := range plain {
		if sub.client == c {
			block := []byte("NATS/1.0 503\r\nNats-Subject: " + f.Subject + "\r\n\r\n")
			return c.queue(protocol.AppendHMsg(nil, f.Reply, sub.SID, "", block, nil)) == nil
		}
	}
	return true
}
