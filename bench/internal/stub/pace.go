package stub

import (
	"encoding/binary"
	"runtime"
	"time"
)

// PacedSize is the payload size of paced messages in bytes.
const PacedSize = 16

// schedule is the argument of pace.
type schedule struct {
	count, batch int
	interval     time.Duration
	every        int
}

// pace sends on a schedule that is fixed beforehand: a batch that is sent late keeps its
// intended time, so that a stall counts for every message it delays.
func (s *session) pace(p schedule) error {
	conn, subs := s.current()
	if conn == nil || len(subs) == 0 || p.batch <= 0 || (p.every > 0 && len(subs) < 2) {
		return errCommand
	}
	if err := s.answer(0, 0); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	finerSleep()
	var out []byte
	payload := make([]byte, PacedSize)
	start := time.Now()
	for i := 0; i*p.batch < p.count; i++ {
		due := start.Add(time.Duration(i+1) * p.interval)
		sleepUntil(due)
		binary.LittleEndian.PutUint64(payload, uint64(due.UnixNano()))
		out = out[:0]
		if p.every > 0 && i%p.every == 0 {
			out = appendFrame(out, subs[1], nil, payload)
		}
		for range p.batch {
			out = appendFrame(out, subs[0], nil, payload)
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
	return nil
}
