package bare

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// object.go - an object as chunks in a stream, and nothing else.
//
//	put ─┬─► chunk, chunk, … each acknowledged ─► its info ─► the old chunks are removed
//	     └─► digest, on a goroutine of its own
//	get ◄─── page, page, … two under way ─► digest

const (
	// objectAhead is how many bytes are sent before their acknowledgements.
	objectAhead = 32 << 20
	// objectPage is how many bytes one request asks for.
	objectPage = 4 << 20

	objectSID   = "1"
	objectInbox = "_INBOX.bare"
)

// object measures how long whole objects take.
func object(j *job.Job) (*job.Result, error) {
	b, err := newBucket(j)
	if err != nil {
		return nil, err
	}
	defer b.drop()
	do := b.put
	if j.Do == job.Get {
		if err := b.put(); err != nil {
			return nil, err
		}
		do = b.get
	}
	for range j.Warmup {
		if err := do(); err != nil {
			return nil, err
		}
	}
	m := cost.Begin()
	for range j.Count {
		if err := do(); err != nil {
			return nil, err
		}
	}
	return m.End(j.Count), nil
}

// bucket is a stream with one object.
type bucket struct {
	c       *client
	name    string
	payload []byte
	chunk   int
	puts    int
	first   uint64 // sequence of the first chunk
	room    []byte
}

// newBucket creates the stream.
func newBucket(j *job.Job) (*bucket, error) {
	c, err := dial(j.Address.URL, "SUB "+objectInbox+" "+objectSID+"\r\n")
	if err != nil {
		return nil, err
	}
	c.r = bufio.NewReaderSize(c.r, chunkBytes)
	b := &bucket{
		c: c, name: fmt.Sprintf("BARE-%d", time.Now().UnixNano()),
		payload: stub.Payload(j.Size), chunk: j.Chunk, room: make([]byte, j.Chunk+4096),
	}
	config := fmt.Sprintf(`{"name":%q,"subjects":["%s.>"],"storage":"file","discard":"new","allow_direct":true}`, b.name, b.name)
	if _, err = b.call("$JS.API.STREAM.CREATE."+b.name, config); err != nil {
		_ = c.conn.Close() // the error says more
	}
	return b, err
}

func (b *bucket) drop() {
	_, _ = b.call("$JS.API.STREAM.DELETE."+b.name, "") // the server ends anyway
	_ = b.c.conn.Close()
}

// answer has the fields of the API's answers that are used here.
type answer struct {
	Seq   uint64           `json:"seq"`
	Error *json.RawMessage `json:"error"`
}

// call sends a request and reads the answer.
func (b *bucket) call(subject, body string) (answer, error) {
	if _, err := fmt.Fprintf(b.c.conn, "PUB %s %s %d\r\n%s\r\n", subject, objectInbox, len(body), body); err != nil {
		return answer{}, fmt.Errorf("bare: %w", err)
	}
	return b.answer()
}

func (b *bucket) answer() (answer, error) {
	var a answer
	_, data, err := b.c.message(b.room)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("bare: answer %.80q: %w", data, err)
	}
	if a.Error != nil {
		return a, fmt.Errorf("bare: %s", *a.Error)
	}
	return a, nil
}

// put stores the object, replacing the one before.
func (b *bucket) put() error {
	b.puts++
	digest := make(chan [sha256.Size]byte, 1)
	go func() { digest <- sha256.Sum256(b.payload) }()
	if err := b.chunks(); err != nil {
		return err
	}
	if _, err := b.call(b.name+".M.object", fmt.Sprintf(`{"digest":"%x"}`, <-digest)); err != nil {
		return err
	}
	_, err := b.call("$JS.API.STREAM.PURGE."+b.name, fmt.Sprintf(`{"filter":"%s.C.%d"}`, b.name, b.puts-1))
	return err
}

// chunks sends all chunks, and returns when they are stored.
func (b *bucket) chunks() error {
	places, stored := make(chan struct{}, max(1, objectAhead/b.chunk)), make(chan error, 1)
	go func() { stored <- b.acknowledged((len(b.payload)+b.chunk-1)/b.chunk, places) }()
	subject := fmt.Sprintf("%s.C.%d", b.name, b.puts)
	for left := b.payload; len(left) > 0; {
		n := min(b.chunk, len(left))
		select {
		case places <- struct{}{}:
		case err := <-stored:
			return err
		}
		frame := net.Buffers{fmt.Appendf(nil, "PUB %s %s %d\r\n", subject, objectInbox, n), left[:n], []byte("\r\n")}
		if _, err := frame.WriteTo(b.c.conn); err != nil {
			_ = b.c.conn.Close() // ends the reader
			<-stored
			return fmt.Errorf("bare: %w", err)
		}
		left = left[n:]
	}
	return <-stored
}

// acknowledged reads the acknowledgements of chunks.
func (b *bucket) acknowledged(chunks int, places <-chan struct{}) error {
	for i := range chunks {
		a, err := b.answer()
		if err != nil {
			return err
		}
		if i == 0 {
			b.first = a.Seq
		}
		<-places
	}
	return nil
}

// get reads the object.
func (b *bucket) get() error {
	chunks := (len(b.payload) + b.chunk - 1) / b.chunk
	digest := sha256.New()
	size := 0
	for asked, pages := 0, 0; asked < chunks || pages > 0; {
		if asked < chunks && pages < 2 {
			n := min(max(1, objectPage/b.chunk), chunks-asked)
			if err := b.ask(asked, n); err != nil {
				return err
			}
			asked, pages = asked+n, pages+1
			continue
		}
		header, data, err := b.c.message(b.room)
		if err != nil {
			return err
		}
		if code, status := bytes.CutPrefix(header, []byte("NATS/1.0 ")); status && len(data) == 0 {
			if !bytes.HasPrefix(code, []byte("204")) {
				return fmt.Errorf("bare: a page ends with %q", code)
			}
			pages--
			continue
		}
		size += len(data)
		_, _ = digest.Write(data) // never fails
	}
	if size != len(b.payload) {
		return fmt.Errorf("bare: an object of %d bytes instead of %d", size, len(b.payload))
	}
	_ = digest.Sum(nil)
	return nil
}

// ask asks for a page of n chunks after the first ones.
func (b *bucket) ask(first, n int) error {
	body := fmt.Sprintf(`{"seq":%d,"batch":%d,"next_by_subj":"%s.C.%d"}`, b.first+uint64(first), n, b.name, b.puts)
	_, err := fmt.Fprintf(b.c.conn, "PUB $JS.API.DIRECT.GET.%s %s %d\r\n%s\r\n", b.name, objectInbox, len(body), body)
	return err
}

// message reads one MSG or HMSG into room, which is large enough.
func (c *client) message(room []byte) (header, data []byte, err error) {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return nil, nil, fmt.Errorf("bare: waiting for a message: %w", err)
		}
		fields := bytes.Fields(line)
		if len(fields) < 4 || !bytes.HasSuffix(fields[0], []byte("MSG")) {
			continue
		}
		size, head := 0, 0
		if _, err := fmt.Sscan(string(fields[len(fields)-1]), &size); err != nil || size > len(room)-2 {
			return nil, nil, fmt.Errorf("bare: a message of %s bytes", fields[len(fields)-1])
		}
		if fields[0][0] == 'H' {
			if _, err := fmt.Sscan(string(fields[len(fields)-2]), &head); err != nil || head > size {
				return nil, nil, fmt.Errorf("bare: a header of %s bytes", fields[len(fields)-2])
			}
		}
		if _, err := io.ReadFull(c.r, room[:size+2]); err != nil {
			return nil, nil, fmt.Errorf("bare: %w", err)
		}
		return room[:head], room[head:size], nil
	}
}
