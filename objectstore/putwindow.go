package objectstore

// putwindow.go - how many chunks may be on their way. It is pure.
//
//	places:  first ──► twice as many with each window that is stored ──► most
//	                                                                      │ the store is
//	           one more with each window  ◄── half ◄──────────────────────┘ overloaded
//
// A store has a limit for all its clients together, and refuses what exceeds it: then chunks are
// sent again. So no put begins with its whole window, none gets a larger one unless it used the
// one it had, and one that was refused grows slowly, as TCP does.

// window is how many chunks may be on their way, or about to be. The zero value allows none.
type window struct {
	now      int // places
	most     int // places that there may ever be
	together int // places that several puts of a store share; 0 for no limit
	given    int // places that were given out and have not come back
	fast     int // number of places up to which it grows quickly
	credit   int // chunks that are still to be stored of a window that was fully used
	part     int // chunks that were stored since it last grew
}

func newWindow(first, most int) window {
	first = min(first, most)
	return window{now: first, most: most, fast: most}
}

// sent notes that n chunks are on their way.
func (w *window) sent(n int) {
	if n >= w.now {
		w.credit = w.now
	}
}

// stored takes the place of a chunk back, and grows if all places were in use.
func (w *window) stored() {
	w.given--
	if w.credit == 0 {
		return
	}
	w.credit--
	if w.part++; w.now < w.fast || w.part >= w.now {
		w.now, w.part = min(w.now+1, w.most), 0
	}
}

// crowded leaves half of the places that were in use.
func (w *window) crowded(sent int) {
	w.now = max(1, min(w.now, sent)/2)
	w.fast, w.part, w.credit = w.now, 0, 0
}

// room returns how many places there are while there are that many puts.
func (w *window) room(puts int) int {
	if w.together > 0 && puts > 1 {
		return min(w.now, max(1, w.together/puts))
	}
	return w.now
}

// give gives out the places that are left, and returns how many. Places are not taken back when
// more puts begin.
func (w *window) give(puts int) int {
	n := max(0, w.room(puts)-w.given)
	w.given += n
	return n
}
