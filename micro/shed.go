package micro

import (
	"errors"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// shed.go - answers for requests that no handler gets.
//
//	subscription drops ─► noted ─► the endpoint's actor: an error for each requester
//
// Who drops may be who reads from the socket, and must not publish: it could wait for itself.

// shedMax bounds the requesters that wait to be told. Behind it they hear nothing.
const shedMax = 1 << 16

// shed are requesters that are to get an error. The zero value is ready.
type shed struct {
	mu          sync.Mutex
	overloaded  []string // reply subjects of those for whom there was no room
	unavailable []string // of those for whom the end came first
}

// note adds a requester, and reports whether it is the first one since the last take.
func (s *shed) note(reply string, ended bool) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.overloaded) + len(s.unavailable)
	if n >= shedMax {
		return false
	}
	if ended {
		s.unavailable = append(s.unavailable, reply)
	} else {
		s.overloaded = append(s.overloaded, reply)
	}
	return n == 0
}

// take returns all of them.
func (s *shed) take() (overloaded, unavailable []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	overloaded, unavailable = s.overloaded, s.unavailable
	s.overloaded, s.unavailable = nil, nil
	return overloaded, unavailable
}

// dropped notes a request that no handler gets. It must not block.
func (e *Endpoint) dropped(m *api.Msg, why error) {
	e.counts.shed.Add(1)
	if m.Reply == "" {
		return
	}
	reply := string([]byte(m.Reply)) // what is in m is borrowed
	if e.shed.note(reply, !errors.Is(why, api.ErrSlowConsumer)) {
		poke(&e.ref)
	}
}

// answerShed tells requesters that no handler got their request.
func (e *Endpoint) answerShed() {
	overloaded, unavailable := e.shed.take()
	e.refuseAll(overloaded, refusalOf(CodeOverloaded, "there is no room for the request"))
	e.refuseAll(unavailable, stopping())
}

func stopping() *ServiceError { return refusalOf(CodeUnavailable, "the endpoint stops") }

// refuseAll sends the same error to many. It fails when the connection is closed, or cannot
// hold more: then that is what the requesters will see, too.
func (e *Endpoint) refuseAll(replies []string, se *ServiceError) {
	if len(replies) == 0 {
		return
	}
	m := &api.Msg{}
	se.write(m, e)
	for _, reply := range replies {
		_ = e.service.nc.PublishMsg(&api.Msg{Subject: reply, Header: m.Header})
	}
}
