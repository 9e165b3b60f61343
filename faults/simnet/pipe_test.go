package simnet_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/faults/simnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends is a pipe in the hands of a test.
type ends struct {
	t    *testing.T
	a, b *simnet.Conn
}

// piped runs f with a pipe in a bubble, and closes both ends.
func piped(t *testing.T, window int, f func(e ends)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := simnet.Pipe(window)
		defer a.Close()
		defer b.Close()
		f(ends{t, a, b})
	})
}

// write writes all of text at once.
func (e ends) write(c *simnet.Conn, text string) {
	e.t.Helper()
	if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
		e.t.Fatalf("write %q: %d, %v", text, n, err)
	}
}

// read expects text, then, if it is not nil, an error.
func (e ends) read(c *simnet.Conn, text string, then error) {
	e.t.Helper()
	buf := make([]byte, len(text))
	if n, err := io.ReadFull(c, buf); string(buf[:n]) != text || err != nil {
		e.t.Fatalf("read %q, %v, want %q", buf[:n], err, text)
	}
	if then == nil {
		return
	}
	if n, err := c.Read(make([]byte, 8)); n != 0 || !errors.Is(err, then) {
		e.t.Fatalf("then read %d bytes, %v, want %v", n, err, then)
	}
}

// refuses wants a write to fail.
func (e ends) refuses(c *simnet.Conn, want error) {
	e.t.Helper()
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, want) {
		e.t.Fatalf("write: %d, %v, want %v", n, err, want)
	}
}

// pending starts f and returns a function for its result, once f blocks.
func pending(f func() (int, error)) func() (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := f()
		done <- result{n, err}
	}()
	synctest.Wait()
	if len(done) > 0 {
		panic("it did not wait")
	}
	return func() (int, error) {
		r := <-done
		return r.n, r.err
	}
}

// TestHowAConnectionEnds: each way, seen from both ends, as TCP does it.
func TestHowAConnectionEnds(t *testing.T) {
	for name, f := range map[string]func(e ends){
		"close: the other end reads the rest, then EOF, for good": func(e ends) {
			e.write(e.a, "rest")
			e.a.Close()
			e.read(e.b, "rest", io.EOF)
			e.read(e.b, "", io.EOF)
			e.read(e.a, "", net.ErrClosed)
			e.refuses(e.a, net.ErrClosed)
		},
		"close: the first write to it goes through and is lost, the next fails": func(e ends) {
			e.a.Close()
			e.write(e.b, "lost")
			e.refuses(e.b, syscall.EPIPE)
			e.read(e.b, "", io.EOF)
		},
		"close: an empty write to it tells nothing": func(e ends) {
			e.a.Close()
			e.write(e.b, "")
			e.write(e.b, "lost")
			e.refuses(e.b, syscall.EPIPE)
		},
		"close with unread bytes: a reset behind what was written": func(e ends) {
			e.write(e.b, "unread")
			e.write(e.a, "said")
			e.a.Close()
			e.read(e.b, "said", syscall.ECONNRESET)
			e.refuses(e.b, syscall.ECONNRESET)
		},
		"close twice": func(e ends) {
			if err := e.a.Close(); err != nil {
				e.t.Error(err)
			}
			if err := e.a.Close(); !errors.Is(err, net.ErrClosed) {
				e.t.Error(err)
			}
		},
		"half close: one direction ends, the other goes on": func(e ends) {
			e.write(e.a, "question")
			if err := errors.Join(e.a.CloseWrite(), e.a.CloseWrite()); err != nil {
				e.t.Error(err)
			}
			e.refuses(e.a, syscall.EPIPE)
			e.read(e.b, "question", io.EOF)
			e.write(e.b, "answer")
			e.b.Close()
			e.read(e.a, "answer", io.EOF)
		},
		"half close, then close with unread bytes: EOF stays EOF": func(e ends) {
			_ = e.a.CloseWrite()
			e.write(e.b, "unread")
			e.a.Close()
			e.read(e.b, "", io.EOF)
			e.refuses(e.b, syscall.ECONNRESET)
		},
		"reset: both ends, and the one that does it loses what it did not read": func(e ends) {
			e.write(e.a, "kept")
			e.write(e.b, "lost")
			if err := e.a.Reset(); err != nil {
				e.t.Error(err)
			}
			e.refuses(e.b, syscall.ECONNRESET)
			e.read(e.b, "kept", syscall.ECONNRESET)
			for _, c := range []*simnet.Conn{e.a, e.b} {
				e.read(c, "", syscall.ECONNRESET)
				e.read(c, "", syscall.ECONNRESET)
				e.refuses(c, syscall.ECONNRESET)
				if err := c.CloseWrite(); !errors.Is(err, syscall.ECONNRESET) {
					e.t.Error(err)
				}
				if err := c.Close(); err != nil {
					e.t.Error(err)
				}
			}
		},
		"reset behind a close": func(e ends) {
			e.write(e.a, "kept")
			e.a.Close()
			if err := e.a.Reset(); !errors.Is(err, net.ErrClosed) {
				e.t.Error(err)
			}
			e.read(e.b, "kept", syscall.ECONNRESET)
		},
		"everything on a closed end": func(e ends) {
			e.a.Close()
			now := time.Now()
			for _, err := range []error{e.a.CloseWrite(), e.a.SetDeadline(now), e.a.SetReadDeadline(now), e.a.SetWriteDeadline(now)} {
				if !errors.Is(err, net.ErrClosed) {
					e.t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) { piped(t, 64, f) })
	}
}

// TestWhatEndsAWait: a Read with nothing to read and a Write without room, and everything
// that can end them.
func TestWhatEndsAWait(t *testing.T) {
	read := func(c *simnet.Conn) func() (int, error) {
		return func() (int, error) { return c.Read(make([]byte, 8)) }
	}
	write := func(c *simnet.Conn, n int) func() (int, error) {
		return func() (int, error) { return c.Write(make([]byte, n)) }
	}
	for name, c := range map[string]struct {
		wait func(e ends) func() (int, error)
		end  func(e ends)
		n    int
		err  error
	}{
		"read, bytes":       {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { e.write(e.b, "abc") }, 3, nil},
		"read, close":       {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { e.a.Close() }, 0, net.ErrClosed},
		"read, far close":   {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { e.b.Close() }, 0, io.EOF},
		"read, far FIN":     {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { _ = e.b.CloseWrite() }, 0, io.EOF},
		"read, reset":       {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { _ = e.a.Reset() }, 0, syscall.ECONNRESET},
		"read, far reset":   {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { _ = e.b.Reset() }, 0, syscall.ECONNRESET},
		"read, deadline":    {func(e ends) func() (int, error) { return read(e.a) }, func(e ends) { _ = e.a.SetDeadline(time.Now()) }, 0, os.ErrDeadlineExceeded},
		"write, room":       {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { e.read(e.b, "\x00", nil) }, 9, nil},
		"write, close":      {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { e.a.Close() }, 8, net.ErrClosed},
		"write, far close":  {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { e.b.Close() }, 8, syscall.ECONNRESET},
		"write, FIN":        {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { _ = e.a.CloseWrite() }, 8, syscall.EPIPE},
		"write, reset":      {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { _ = e.a.Reset() }, 8, syscall.ECONNRESET},
		"write, far reset":  {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { _ = e.b.Reset() }, 8, syscall.ECONNRESET},
		"write, deadline":   {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { _ = e.a.SetWriteDeadline(time.Now()) }, 8, os.ErrDeadlineExceeded},
		"write, other side": {func(e ends) func() (int, error) { return write(e.a, 9) }, func(e ends) { e.write(e.b, "x"); e.read(e.b, "\x00", nil) }, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			piped(t, 8, func(e ends) {
				result := pending(c.wait(e))
				c.end(e)
				if n, err := result(); n != c.n || !errors.Is(err, c.err) {
					t.Errorf("%d, %v, want %d, %v", n, err, c.n, c.err)
				}
			})
		})
	}
}

// TestDeadlinesInVirtualTime are exact to the nanosecond, can be moved while a call
// waits, and no longer apply when they are removed.
func TestDeadlinesInVirtualTime(t *testing.T) {
	piped(t, 1, func(e ends) {
		e.write(e.a, "x")
		for name, c := range map[string]struct {
			set func(time.Time) error
			do  func() (int, error)
		}{
			"read":  {e.a.SetReadDeadline, func() (int, error) { return e.a.Read(make([]byte, 1)) }},
			"write": {e.a.SetWriteDeadline, func() (int, error) { return e.a.Write([]byte("y")) }},
		} {
			began := time.Now()
			_ = c.set(began.Add(time.Hour))
			result := pending(c.do)
			_ = c.set(began.Add(2 * time.Hour))
			_, err := result()
			var op *net.OpError
			if passed := time.Since(began); passed != 2*time.Hour || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &op) || !op.Timeout() {
				e.t.Errorf("%s: %v after %v", name, err, passed)
			}
			if _, err := c.do(); !errors.Is(err, os.ErrDeadlineExceeded) {
				e.t.Errorf("%s: a deadline that has passed: %v", name, err)
			}
			_ = c.set(time.Time{})
		}
		e.read(e.b, "x", nil)
		e.write(e.a, "y")
		e.read(e.b, "y", nil)
		_ = e.b.SetReadDeadline(time.Now().Add(time.Hour))
		e.write(e.a, "z")
		e.read(e.b, "z", os.ErrDeadlineExceeded)
	})
}

// TestADeadlineThatHasPassedWinsOverBytes as it does in package net.
func TestADeadlineThatHasPassedWinsOverBytes(t *testing.T) {
	piped(t, 8, func(e ends) {
		e.write(e.a, "x")
		_ = e.b.SetDeadline(time.Unix(1, 0))
		e.read(e.b, "", os.ErrDeadlineExceeded)
		e.refuses(e.b, os.ErrDeadlineExceeded)
		_ = e.b.SetDeadline(time.Time{})
		e.read(e.b, "x", nil)
	})
}

// TestOneWriteStaysTogether though its bytes find room one by one.
func TestOneWriteStaysTogether(t *testing.T) {
	piped(t, 3, func(e ends) {
		const writers, size = 10, 100
		for i := range writers {
			go func() { _, _ = e.a.Write(bytes.Repeat([]byte{byte(i)}, size)) }()
		}
		got := make([]byte, writers*size)
		if _, err := io.ReadFull(e.b, got); err != nil {
			e.t.Fatal(err)
		}
		for part := range writers {
			one := got[part*size : (part+1)*size]
			if !bytes.Equal(one, bytes.Repeat(one[:1], size)) {
				e.t.Fatalf("part %d is %v", part, one)
			}
		}
	})
}

// TestAWriteWaitsItsTurnNoLongerThanItsDeadline.
func TestAWriteWaitsItsTurnNoLongerThanItsDeadline(t *testing.T) {
	piped(t, 1, func(e ends) {
		first := pending(func() (int, error) { return e.a.Write([]byte("12")) })
		second := pending(func() (int, error) { return e.a.Write([]byte("3")) })
		_ = e.a.SetWriteDeadline(time.Now().Add(time.Minute))
		for _, result := range []func() (int, error){first, second} {
			if _, err := result(); !errors.Is(err, os.ErrDeadlineExceeded) {
				e.t.Error(err)
			}
		}
	})
}

// TestAddresses print readably, also in errors.
func TestAddresses(t *testing.T) {
	a, b := simnet.Pipe(0)
	defer b.Close()
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() || a.LocalAddr().Network() != "sim" {
		t.Errorf("%v %v, %v %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	_ = a.Reset()
	_, err := a.Read(make([]byte, 1))
	if want := "read sim a->b: read: connection reset by peer"; err == nil || err.Error() != want {
		t.Errorf("%v, want %v", err, want)
	}
	a.Close()
	if _, window := b.Waiting(); window != simnet.WindowDefault {
		t.Errorf("window %d", window)
	}
}

// TestManyBytesBothWays outside of a bubble, with hashes at the ends.
func TestManyBytesBothWays(t *testing.T) {
	a, b := simnet.Pipe(1000)
	const size = 4 << 20
	hash := func(c *simnet.Conn, out chan<- [32]byte) {
		h := sha256.New()
		_, _ = io.Copy(h, c)
		out <- [32]byte(h.Sum(nil))
	}
	atA, atB := make(chan [32]byte, 1), make(chan [32]byte, 1)
	go hash(a, atA)
	go hash(b, atB)
	sums := [2][32]byte{}
	for i, c := range []*simnet.Conn{a, b} {
		data := bytes.Repeat([]byte{byte(i), 1, 2, 3, 4, 5, 6}, size/7)
		sums[i] = sha256.Sum256(data)
		go func() {
			_, _ = c.Write(data)
			_ = c.CloseWrite()
		}()
	}
	if <-atB != sums[0] || <-atA != sums[1] {
		t.Error("other bytes came than were sent")
	}
	a.Close()
	b.Close()
}

// flow is the model of one direction: what was written and not yet read.
type flow struct {
	sent, got int // counts of bytes; byte i is byte(i)
	shut      bool
}

// model is what a pipe ought to be.
type model struct {
	window int
	ends   []*simnet.Conn
	flows  map[*simnet.Conn]*flow // by their writers
	whole  bool                   // neither reset nor closed
}

func newModel(window int) *model {
	a, b := simnet.Pipe(window)
	return &model{window: window, ends: []*simnet.Conn{a, b}, flows: map[*simnet.Conn]*flow{a: {}, b: {}}, whole: true}
}

func (m *model) close() {
	for _, c := range m.ends {
		_ = c.Close()
	}
}

// draw returns one end, what it writes, and what it reads.
func (m *model) draw(t *rapid.T) (c *simnet.Conn, out, in *flow) {
	i := rapid.IntRange(0, 1).Draw(t, "end")
	return m.ends[i], m.flows[m.ends[i]], m.flows[m.ends[1-i]]
}

// wait is a deadline that is still to come: what can't be done at once ends with it.
const wait = time.Second

func (m *model) write(t *rapid.T) {
	c, out, _ := m.draw(t)
	data := make([]byte, rapid.IntRange(0, 2*m.window).Draw(t, "n"))
	for i := range data {
		data[i] = byte(out.sent + i)
	}
	_ = c.SetWriteDeadline(time.Now().Add(wait))
	room := m.window - (out.sent - out.got)
	n, err := c.Write(data)
	if !m.whole || out.shut {
		return
	}
	out.sent += n
	if n != min(len(data), room) || (n == len(data)) != (err == nil) {
		t.Fatalf("wrote %d of %d, %v; there was room for %d", n, len(data), err, room)
	}
}

func (m *model) read(t *rapid.T) {
	c, _, in := m.draw(t)
	buf := make([]byte, rapid.IntRange(1, 2*m.window).Draw(t, "n"))
	_ = c.SetReadDeadline(time.Now().Add(wait))
	left := in.sent - in.got
	n, err := c.Read(buf)
	for i, v := range buf[:n] {
		if v != byte(in.got+i) {
			t.Fatalf("byte %d is %d", in.got+i, v)
		}
	}
	in.got += n
	if m.whole && (n != min(len(buf), left) || (n == 0) != (err != nil) || n == 0 && in.shut != (err == io.EOF)) {
		t.Fatalf("read %d, %v with %d left, shut: %v", n, err, left, in.shut)
	}
}

func (m *model) finish(t *rapid.T) {
	c, out, _ := m.draw(t)
	_ = c.CloseWrite()
	out.shut = true
}

func (m *model) destroy(t *rapid.T) {
	c, _, _ := m.draw(t)
	switch rapid.IntRange(0, 5).Draw(t, "how") { // not too often
	case 0:
		_ = c.Reset()
		m.whole = false
	case 1:
		_ = c.Close()
		m.whole = false
	}
}

func (m *model) check(t *rapid.T) {
	for i, c := range m.ends {
		in := m.flows[m.ends[1-i]]
		waits, most := c.Waiting()
		if waits > most || most != m.window || m.whole && waits != in.sent-in.got || in.got > in.sent && m.whole {
			t.Fatalf("%d of %d bytes wait; sent %d, got %d", waits, m.window, in.sent, in.got)
		}
	}
}

// TestBytesComeInOrder: whatever the interleaving of writes, reads, deadlines and ends,
// in both directions, bytes arrive in order, none is invented, and never more than the
// window waits.
func TestBytesComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bubble := struct{ testing.TB }{t} // which must not be asked for its deadline
		rapid.Check(bubble, func(t *rapid.T) {
			m := newModel(rapid.IntRange(1, 20).Draw(t, "window"))
			defer m.close()
			t.Repeat(map[string]func(*rapid.T){
				"write": m.write, "read": m.read, "finish": m.finish, "destroy": m.destroy, "": m.check,
			})
		})
	})
}
