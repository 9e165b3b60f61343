package supervisor

import (
	"testing"
	"time"
)

// FuzzDecide replays encoded failure sequences against the model. The first
// eight bytes are the policy, each four that follow are one failure.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{2, 3, 3, 10, 1, 10, 2, 5, 1, 0, 0, 0, 1, 0, 0, 128, 1, 0, 0, 255})   // flapping
	f.Add([]byte{2, 2, 1, 1, 0, 0, 0, 1, 255, 0, 3, 9, 0, 1, 5, 9, 128, 2, 0, 9})     // the clock goes back
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 1, 4, 0, 0, 1, 5, 0, 0})         // the zero policy, asked
	f.Add([]byte{2, 4, 200, 255, 3, 9, 30, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 16, 9, 200}) // a large limit
	f.Add([]byte{2, 9, 3, 0, 3, 9, 30, 3, 9, 0, 0, 0, 9, 0, 0, 0, 9, 32, 9, 200})     // no window
	f.Fuzz(func(t *testing.T, data []byte) {
		const head, size = 8, 4
		if len(data) < head {
			return
		}
		m := newModel(decodePolicy([head]byte(data)))
		for data = data[head:]; len(data) >= size; data = data[size:] {
			if _, err := m.fail(decodeStep([size]byte(data))); err != nil {
				t.Fatalf("policy %v: failure %d: %v", m.policy, len(m.granted)+1, err)
			}
			if len(m.granted) > 1000 {
				return // the model is slow, and longer sequences find nothing new
			}
		}
	})
}

// decodePolicy reads a policy from bytes; times are in tenths of a second.
func decodePolicy(b [8]byte) Policy {
	const unit = 100 * time.Millisecond
	return Policy{
		Directive: Directive(b[0]),
		Exceeded:  Directive(b[1]),
		Intensity: Intensity{Max: int(b[2]) - 1, Within: time.Duration(b[3]) * unit},
		Backoff: Backoff{
			Initial: time.Duration(b[4]) * unit, Max: time.Duration(b[5]) * unit,
			Factor: float64(b[6]) / 16, Immediate: b[7]&1 != 0,
		},
		StableAfter: time.Duration(int8(b[7])>>1) * unit,
	}
}

// decodeStep reads a failure from bytes. A gap is signed and cubed, so that both
// milliseconds and hours are within one byte.
func decodeStep(b [4]byte) step {
	gap := time.Duration(int8(b[0]))
	s := step{
		gap:        gap * gap * gap * time.Millisecond,
		directive:  Directive(b[1] & 7),
		neverBegan: b[1]&8 != 0,
		ran:        -1,
		rand:       float64(b[3]) / 256,
	}
	if b[1]&16 != 0 {
		s.ran = time.Duration(b[2]) * 100 * time.Millisecond
	}
	return s
}
