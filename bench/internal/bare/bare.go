package bare

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// chunkBytes is the size of one read or write.
const chunkBytes = 1 << 20

// Has reports whether the package knows a limit for a suite.
func Has(suite string) bool {
	return suite == job.Dispatch || suite == job.Publish || suite == job.Request || suite == job.Object
}

// Do does one job.
func Do(j *job.Job) (*job.Result, error) {
	switch j.Suite {
	case job.Dispatch:
		return dispatch(j)
	case job.Publish:
		return publish(j)
	case job.Request:
		return request(j)
	case job.Object:
		return object(j)
	}
	return nil, fmt.Errorf("bare: no limit for suite %q", j.Suite)
}

// client is a connection after its handshake.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

// dial connects, sends the frames and waits until they have taken effect.
func dial(url, frames string) (*client, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	c := &client{conn: conn, r: bufio.NewReader(conn)}
	hello := `CONNECT {"verbose":false,"pedantic":false,"headers":true}` + "\r\n" + frames + "PING\r\n"
	if _, err := conn.Write([]byte(hello)); err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	return c, c.pong()
}

// pong reads lines until a PONG.
func (c *client) pong() error {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("bare: waiting for PONG: %w", err)
		}
		if strings.HasPrefix(line, "PONG") {
			return nil
		}
	}
}

// dispatch reads a burst without parsing it.
func dispatch(j *job.Job) (*job.Result, error) {
	control, err := stub.Dial(j.Address.Control)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	var subs strings.Builder
	for i := range j.Subs {
		fmt.Fprintf(&subs, "SUB %s %d\r\n", job.Subject(i), i+1)
	}
	c, err := dial(j.Address.URL, subs.String())
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	buf := make([]byte, chunkBytes)
	m := cost.Begin()
	left, err := control.Fire(j.Count, j.Count, j.Size, j.Headers)
	if err != nil {
		return nil, err
	}
	for left > 0 {
		n, err := c.conn.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("bare: %w", err)
		}
		left -= int64(n)
	}
	r := m.End(j.Count)
	return r, control.Grant()
}

// publish writes prepared frames.
func publish(j *job.Job) (*job.Result, error) {
	control, err := stub.Dial(j.Address.Control)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	c, err := dial(j.Address.URL, "")
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var frame []byte
	if head := stub.HeaderBlock(j.Headers); head != nil {
		frame = fmt.Appendf(nil, "HPUB %s %d %d\r\n%s%s\r\n", job.Subject(0), len(head), len(head)+j.Size, head, stub.Payload(j.Size))
	} else {
		frame = fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", job.Subject(0), j.Size, stub.Payload(j.Size))
	}
	perChunk := max(1, chunkBytes/len(frame))
	chunk := bytes.Repeat(frame, perChunk)
	m := cost.Begin()
	for left := j.Count; left > 0; left -= perChunk {
		if _, err := c.conn.Write(chunk[:min(left, perChunk)*len(frame)]); err != nil {
			return nil, fmt.Errorf("bare: %w", err)
		}
	}
	if _, err := c.conn.Write([]byte("PING\r\n")); err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	if err := c.pong(); err != nil {
		return nil, err
	}
	return m.End(j.Count), nil
}

// request keeps as many requests under way as the job has goroutines, each
// written alone, and reads the replies in turn.
func request(j *job.Job) (*job.Result, error) {
	c, err := dial(j.Address.URL, "SUB _INBOX.bare 1\r\n")
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	frame := fmt.Appendf(nil, "PUB %s _INBOX.bare %d\r\n%s\r\n", job.EchoSubject, j.Size, stub.Payload(j.Size))
	if _, err := c.exchange(frame, max(j.Warmup, 1), j.Goroutines); err != nil {
		return nil, err
	}
	m := cost.Begin()
	latency, err := c.exchange(frame, j.Count, j.Goroutines)
	if err != nil {
		return nil, err
	}
	r := m.End(j.Count)
	cost.Percentiles(r, latency)
	if j.Goroutines == 1 {
		r.Figure = float64(latency.ValueAtQuantile(50))
	}
	return r, nil
}

// exchange sends count requests, at most ahead of them before their replies arrive.
func (c *client) exchange(frame []byte, count, ahead int) (*hdrhistogram.Histogram, error) {
	latency := cost.Latency()
	began := make([]time.Time, ahead)
	for sent, received := 0, 0; received < count; {
		if sent < count && sent-received < ahead {
			began[sent%ahead] = time.Now()
			if _, err := c.conn.Write(frame); err != nil {
				return nil, fmt.Errorf("bare: %w", err)
			}
			sent++
			continue
		}
		if err := c.reply(); err != nil {
			return nil, err
		}
		// A value beyond the histogram's range is not worth ending the run for.
		_ = latency.RecordValue(int64(time.Since(began[received%ahead])))
		received++
	}
	return latency, nil
}

// reply reads one MSG, payload included; PINGs are answered.
func (c *client) reply() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("bare: waiting for a reply: %w", err)
		}
		switch {
		case bytes.HasPrefix(line, []byte("PING")):
			if _, err := c.conn.Write([]byte("PONG\r\n")); err != nil {
				return fmt.Errorf("bare: %w", err)
			}
		case bytes.HasPrefix(line, []byte("MSG")):
			size := 0
			for _, d := range bytes.TrimRight(line[bytes.LastIndexByte(line, ' ')+1:], "\r\n") {
				size = size*10 + int(d-'0')
			}
			_, err := c.r.Discard(size + 2)
			return err
		}
	}
}
