package check

import "errors"

// AckedKept (G1): a value that was acked is on the second path, at the sequence of its
// ack, or the loss is proven to be the server's: it was there in an earlier read, or the
// ack itself was seen on the wire. A value that a flush confirmed counts as acked; of
// those, any that are missing must have been reported as uncertain by the client.
func AckedKept(h *History) error { return h.Validate(G1) }

// OneOutcome (G2): each call that publishes, and each other call except dials, closes and
// drains, ends exactly once, by its deadline; if it fails, it has a cause; rejected
// values are nowhere; and accepted values that are not on the second path were reported,
// by an end as unknown or by [Publisher.Uncertain].
func OneOutcome(h *History) error { return h.Validate(G2) }

// NoSilentDup (G3): the second path has each value once, and nothing that was never
// published.
func NoSilentDup(h *History) error { return h.Validate(G3) }

// Ordered (G4): the values of one publisher and one connection are in order on the second
// path; if there is none, in the deliveries of each at-most-once subscription.
func Ordered(h *History) error { return h.Validate(G4) }

// SubsRestored (G5): the server had exactly the subscriptions that the client wanted,
// none missing and none twice.
func SubsRestored(h *History) error { return h.Validate(G5) }

// AtMostOnceCore (G6): each at-most-once subscription got each value at most once, in the
// order of the second path, nothing that was never published, and nothing after its end.
func AtMostOnceCore(h *History) error { return h.Validate(G6) }

// AtLeastOnceJS (G7): consumers and watchers got each value that is on the second path
// or, if there is none, that was acked. Ordered ones got increasing sequences or, where
// none were recorded, each value once and in the order of publishing; the others got none
// again after its ack was confirmed. Nothing was delivered that was never published, and
// nothing after their end.
func AtLeastOnceJS(h *History) error { return h.Validate(G7) }

// NoStall (G8): while a healthy server could be reached, nothing pending waited longer
// than [Options.Recovery].
func NoStall(h *History) error { return h.Validate(G8) }

// Bounded (G9): no sample was over its limit, and each limit that was reached was
// reported by an error and a count.
func Bounded(h *History) error { return h.Validate(G9) }

// NoLeak (G10): nothing was left after the end.
func NoLeak(h *History) error { return h.Validate(G10) }

// Typed (G11): every error is one that [Options.Typed] accepts.
func Typed(h *History) error { return h.Validate(G11) }

// NoCrash (G12): nothing crashed.
func NoCrash(h *History) error { return h.Validate(G12) }

// CloseBounded (G13): each close and drain returned once and by its deadline, and
// reported what it left unfinished.
func CloseBounded(h *History) error { return h.Validate(G13) }

// NoStorm (G14): a client dialled one server at a time, and neither dialled nor created
// objects again more often than the options allow.
func NoStorm(h *History) error { return h.Validate(G14) }

// Replay (G15): the event log matches that of the run that it replays, line for line.
func Replay(h *History) error { return h.Validate(G15) }

// NoOrphans (G16): the server never had more objects of an owner than that may have.
func NoOrphans(h *History) error { return h.Validate(G16) }

// Validate returns nil if the guarantees hold, otherwise the *[Broken] and *[Void] of
// those that do not, joined. Call it at the end of a run: calls and values that still
// have no outcome then break guarantees. It evaluates every value, once for all
// guarantees.
func (h *History) Validate(guarantees ...Guarantee) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.judge()
	var found []error
	for _, g := range guarantees {
		if err := h.verdict(j, g); err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// Check returns nil if every guarantee with evidence holds, otherwise the *[Broken] of
// those that do not, joined. A run that published less than [Options.Minimum] is void,
// and so is one in which an at-most-once subscription got nothing of what was meant for
// it: that breaks no promise, but proves nothing.
func (h *History) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.judge()
	var found []error
	for _, g := range All() {
		if err := h.verdict(j, g); err != nil && !errors.Is(err, ErrVoid) {
			found = append(found, err)
		}
	}
	for i, g := range h.groups {
		if j.meant[i] > 0 && j.meant[i] == j.missed[i] && g.promise == AtMostOnce {
			found = append(found, &Void{Guarantee: G6, Want: 1, Need: "deliveries to " + g.name})
		}
	}
	if h.values < h.options.Minimum {
		found = append(found, &Void{Got: h.values, Want: h.options.Minimum, Need: needs[0]})
	}
	return errors.Join(found...)
}

// needs says what counts as evidence, by guarantee; index 0 is for the run as a whole.
var needs = [last + 1]string{
	0:   "published values",
	G1:  "acked values with a second path",
	G2:  "calls",
	G3:  "values on a second path",
	G4:  "values that were seen",
	G5:  "comparisons of interest",
	G6:  "deliveries at most once",
	G7:  "deliveries from streams",
	G8:  "waits with a healthy server",
	G9:  "samples",
	G10: "looks for leftovers",
	G11: "errors, or Options.Typed is not set",
	G12: "values and deliveries",
	G13: "closes and drains",
	G14: "dials and recreated objects",
	G15: "lines to replay",
	G16: "looks for objects",
}

// verdict returns the error for one guarantee, nil if it holds. Broken takes precedence
// over void: a violation counts however short the run.
func (h *History) verdict(j *judgement, g Guarantee) error {
	if g.row() == 0 {
		return &Void{Guarantee: g, Want: 1, Need: "validators: there is no such guarantee"}
	}
	t, evidence := h.tally(j, g)
	if t.count > 0 {
		return &Broken{Guarantee: g, Count: t.count, Examples: t.examples}
	}
	if want := h.minimum(g); evidence < want {
		return &Void{Guarantee: g, Got: evidence, Want: want, Need: needs[g]}
	}
	return nil
}

// minimum returns how much evidence a guarantee needs.
func (h *History) minimum(g Guarantee) int {
	switch g {
	case G1, G2, G3, G4, G6, G7, G12:
		return h.options.Minimum
	default:
		return 1
	}
}
