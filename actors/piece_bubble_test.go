package actors

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// tray is a socket that records the size and the deadline of each write.
type tray struct {
	net.Conn
	slow   bool
	pieces []int
	times  []time.Duration
}

// Write takes a tenth of a second for each piece if it is slow.
func (s *tray) Write(p []byte) (int, error) {
	s.pieces = append(s.pieces, len(p)>>10)
	if s.slow {
		time.Sleep(100 * time.Millisecond)
	}
	return len(p), nil
}

// SetWriteDeadline records how long the next piece may take.
func (s *tray) SetWriteDeadline(t time.Time) error {
	s.times = append(s.times, time.Until(t))
	return nil
}

// TestPiecesGrowWhileTheyAreQuick, within a message, and only where the kernel can be
// asked for the progress of a large one.
func TestPiecesGrowWhileTheyAreQuick(t *testing.T) {
	for name, c := range map[string]struct {
		grows, slow bool
		want        []int
	}{
		"quick":             {true, false, []int{32, 64, 128, 256, 256, 64}},
		"slow":              {true, true, slices.Repeat([]int{32}, 25)},
		"nobody can say":    {false, false, slices.Repeat([]int{32}, 25)},
		"slow, nobody says": {false, true, slices.Repeat([]int{32}, 25)},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &tray{slow: c.slow}
			w := &writer{line: &line{socket: s}, timeout: time.Second, grows: c.grows}
			for range 2 { // each message starts over
				s.pieces, s.times = nil, nil
				if n, err := w.write(make([]byte, 800<<10)); n != 800<<10 || err != nil {
					t.Fatal(n, err)
				}
				if !slices.Equal(s.pieces, c.want) || !slices.Equal(s.times, timesOf(c.want)) {
					t.Errorf("%s: pieces %v within %v", name, s.pieces, s.times)
				}
			}
		})
	}
}

// timesOf returns how long pieces may take.
func timesOf(pieces []int) []time.Duration {
	var times []time.Duration
	for _, piece := range pieces {
		times = append(times, time.Duration(piece/32)*time.Second)
	}
	return times
}
