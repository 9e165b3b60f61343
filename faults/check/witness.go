package check

import "github.com/troupe-go/troupe/protocol"

// Witness is the second path: what an independent client, on a connection without faults,
// saw of the values. It reads the stream, or it subscribes to the subjects of core
// publishers before they begin. It decides whether the client or the server is to blame
// for losses, copies and disorder.
type Witness struct {
	h       *History
	name    string
	subject string
	covers  []bool  // by publisher
	orders  []order // by publisher
	acks    wide
	seen    int
}

// Witness adds a second path for the publishers whose subject matches. A publisher has at
// most one witness.
func (h *History) Witness(name, subject string) *Witness {
	h.record()
	defer h.mu.Unlock()
	w := &Witness{h: h, name: name, subject: subject}
	h.witnesses = append(h.witnesses, w)
	for _, p := range h.publishers {
		w.meet(p)
	}
	return w
}

func (w *Witness) meet(p *Publisher) {
	w.covers = append(w.covers, protocol.Match(w.subject, p.subject))
	w.orders = append(w.orders, order{})
}

// witness returns the witness of a publisher, nil if it has none.
func (h *History) witness(p *Publisher) *Witness {
	for _, w := range h.witnesses {
		if w.covers[p.index] {
			return w
		}
	}
	return nil
}

// Saw records a stored message, in the order of the stream, by its payload, which is read
// but not kept, and its sequence; 0 if it has none.
func (w *Witness) Saw(payload []byte, seq uint64) {
	m := read(payload)
	at := w.h.record()
	defer w.h.mu.Unlock()
	n := m.n
	p, cause := w.h.find(m)
	if p != nil && !w.covers[p.index] {
		p, cause = nil, "published to "+p.subject
	}
	if p == nil {
		w.h.strayStored(w, at, payload, cause)
		return
	}
	w.seen++
	cell := p.cells.at(n)
	if *cell&stored != 0 {
		*cell |= storedTwice
	} else if w.orders[p.index].late(p, n) {
		*cell |= storedLate
	}
	*cell |= stored
	if seq != 0 {
		p.setStored(n, *cell, seq)
	}
}

// Again begins another read from the start: a value that was seen before, and is not seen
// again, was lost by the server.
func (w *Witness) Again() {
	w.h.record()
	defer w.h.mu.Unlock()
	for i, covered := range w.covers {
		if !covered {
			continue
		}
		w.orders[i] = order{}
		p := w.h.publishers[i]
		for n := range p.next {
			cell := p.cells.at(n)
			if *cell&stored != 0 {
				*cell = *cell&^stored | storedBefore
			}
		}
	}
}

// Acknowledged records that a server's ack with this sequence was seen on the wire, by a
// proxy: if the value is gone, the loss is proven to be the server's.
func (w *Witness) Acknowledged(seq uint64) {
	w.h.record()
	defer w.h.mu.Unlock()
	w.acks.add(seq)
}
