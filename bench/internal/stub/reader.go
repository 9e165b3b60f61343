package stub

import (
	"bytes"
	"net"
	"strconv"
	"time"
)

// readBytes is the size of the read buffer; it grows for a larger frame.
const readBytes = 1 << 20

// The beginnings of the relevant frames.
var publish, ping = []byte("PUB"), []byte("PING")

// reader reads what a client sends. Publishers mostly repeat themselves: a frame that
// begins like the one before has the same length, and is counted without being parsed
// again.
type reader struct {
	session *session
	conn    net.Conn

	head  []byte // control line of the last PUB or HPUB, own copy
	frame int    // length of that frame in bytes
	pubs  int    // frames counted since the last read
	subs  []subscription
	pings int
}

// run reads until the connection ends.
func (r *reader) run() {
	buf := make([]byte, readBytes)
	have := 0
	for {
		n, err := r.conn.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		used := r.consume(buf[:have])
		have = copy(buf, buf[used:have])
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		if !r.settle() {
			return
		}
	}
}

// settle records the result of one read and answers its PINGs.
func (r *reader) settle() bool {
	s := r.session
	s.mu.Lock()
	s.pubs += r.pubs
	if len(r.subs) > 0 && s.client == r.conn {
		s.subs = append(s.subs, r.subs...)
		s.lastSub = time.Now()
		s.changed.Broadcast()
	}
	s.mu.Unlock()
	var err error
	if r.pings > 0 {
		_, err = r.conn.Write(bytes.Repeat([]byte("PONG\r\n"), r.pings))
	}
	r.pubs, r.pings, r.subs = 0, 0, r.subs[:0]
	return err == nil
}

// consume counts the whole frames at the front of buf and returns their length.
func (r *reader) consume(buf []byte) int {
	at := 0
	for {
		at += r.repeated(buf[at:])
		rest := buf[at:]
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			return at
		}
		if rest[0] == 'H' || bytes.HasPrefix(rest, publish) {
			if !r.learn(rest, end) {
				return at
			}
			continue
		}
		r.other(rest[:end])
		at += end
	}
}

// other handles a frame that is one line.
func (r *reader) other(line []byte) {
	switch {
	case bytes.HasPrefix(line, ping):
		r.pings++
	case line[0] == 'S':
		r.subscribe(line)
	}
}

// repeated counts the whole frames at the front of buf that equal the last one, and
// returns their length.
func (r *reader) repeated(buf []byte) int {
	at, frame, head := 0, r.frame, r.head
	if frame == 0 {
		return 0
	}
	for at+frame <= len(buf) && bytes.Equal(buf[at:at+len(head)], head) {
		at += frame
	}
	r.pubs += at / frame
	return at
}

// learn stores the PUB or HPUB at the front of rest and reports whether it is complete.
// Its last argument is the length of header and payload.
func (r *reader) learn(rest []byte, line int) bool {
	fields := bytes.Fields(rest[:line])
	size, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil {
		r.conn.Close()
		return false
	}
	r.head = append(r.head[:0], rest[:line]...)
	r.frame = line + size + 2
	return len(rest) >= r.frame
}

// subscribe records SUB subject [queue] sid.
func (r *reader) subscribe(line []byte) {
	f := bytes.Fields(line)
	r.subs = append(r.subs, subscription{subject: string(f[1]), sid: string(f[len(f)-1])})
}
