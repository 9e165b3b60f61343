package watch_test

import (
	"testing"
	"time"
)

func TestWatcher(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1", "b=2", "a=3")
		w := h.start(h.config())
		h.expect("b=2@2", "a=3@3", "ready")
		h.put("c=4", "d=skip", "e=bad")
		time.Sleep(time.Second)
		h.expect("c=4@4", `troupe: message not understood: "$KV.B.e", revision 6: it is bad`)
		w.Stop()
		h.expect("end")
		time.Sleep(time.Second)
		if n := h.consumers(); n != 0 {
			t.Errorf("%d consumers are left", n)
		}
	})
}
