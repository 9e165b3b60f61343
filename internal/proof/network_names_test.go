package proof_test

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// zone is a DNS server for one resolver, without a socket.
type zone struct {
	addresses map[string][]net.IP // by name; nil for none
	delay     time.Duration
	asked     atomic.Int32
}

// resolver asks the zone.
func (z *zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go z.serve(theirs)
		return ours, nil
	}}
}

// serve answers queries, each after its length as over TCP, until the resolver leaves.
func (z *zone) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 2<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		z.asked.Add(1)
		<-time.After(z.delay)
		if n < 14 {
			continue
		}
		answer := z.answer(buf[2:n])
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer makes the answer to a query: its header, its question, and the addresses.
func (z *zone) answer(query []byte) []byte {
	end, name := 12, ""
	for end < len(query) && query[end] != 0 {
		label := string(query[end+1 : end+1+int(query[end])])
		name += label + "."
		end += 1 + len(label)
	}
	end += 5
	kind := binary.BigEndian.Uint16(query[end-4:])
	ips, known := z.addresses[strings.TrimSuffix(name, ".")]
	var records []byte
	count := 0
	for _, ip := range ips {
		raw, of := ip.To4(), uint16(1)
		if raw == nil {
			raw, of = ip.To16(), 28
		}
		if of != kind {
			continue
		}
		count++
		records = append(records, 0xc0, 12) // the name of the question
		records = binary.BigEndian.AppendUint16(records, of)
		records = append(records, 0, 1, 0, 0, 0, 1)
		records = binary.BigEndian.AppendUint16(records, uint16(len(raw)))
		records = append(records, raw...)
	}
	flags := uint16(0x8180)
	if !known {
		flags |= 3 // no such name
	}
	answer := binary.BigEndian.AppendUint16(append([]byte{}, query[:2]...), flags)
	for _, n := range []int{1, count, 0, 0} {
		answer = binary.BigEndian.AppendUint16(answer, uint16(n))
	}
	return append(append(answer, query[12:end]...), records...)
}

// resolving has a client ask a zone for names.
//
// Deprecated: the option is, but a dialer of the user's is given what was found already.
func resolving(z *zone) api.Option { return api.Dialer(&net.Dialer{Resolver: z.resolver()}) }

// naming is a name that leads to some addresses.
type naming struct {
	addresses []net.IP
	delay     time.Duration // until it is found
	kind      error         // with which connecting fails; nil if it works
}

// TestN15Names: names that are unknown, slow to be found, or lead to addresses of which
// one is dead: an old one, or one of the sixth version that answers nothing. G8: the
// good one is reached within the time of one attempt. G11: what fails is typed. The
// resolver of Go has no place in a bubble, so the clock is the one on the wall; and as an address
// that answers nothing takes its share of the time, all names are looked for at once.
func TestN15Names(t *testing.T) {
	dead, good := net.ParseIP("10.9.9.9"), net.ParseIP("10.1.1.1")
	hole, hole6 := net.ParseIP("10.8.8.8"), net.ParseIP("fd00::1")
	s := natsserver.Run(t, natsserver.Options{DontListen: true})
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	answer := func(address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		switch ip := net.ParseIP(host); {
		case ip.Equal(good):
			return s.InProcessConn()
		case ip.Equal(hole), ip.Equal(hole6):
			<-over
		}
		return nil, opError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	for name, n := range map[string]naming{
		"all is well":        {[]net.IP{good}, 0, nil},
		"slow":               {[]net.IP{good}, 100 * time.Millisecond, nil},
		"stale":              {[]net.IP{dead, good}, 0, nil},
		"answers nothing":    {[]net.IP{hole, good}, 0, nil},
		"dead IPv6":          {[]net.IP{hole6, good}, 0, nil},
		"dead IPv6, and old": {[]net.IP{hole6, dead, good}, 0, nil},
		"all dead":           {[]net.IP{dead}, 0, syscall.ECONNREFUSED},
		"without an address": {[]net.IP{}, 0, api.ErrNoServers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{history: check.New(time.Now, check.Options{}), answer: answer}
			n.check(t, d)
			judge(t, d.history, "dials", check.G14) // of a name without an address there are none
		})
	}
}

func (n naming) check(t *testing.T, d *desk) {
	z := &zone{addresses: map[string][]net.IP{"host.example": n.addresses}, delay: n.delay}
	// An attempt whose time is up fails, and there is one only: what is left of it behind an
	// address that answers nothing is to be enough for a busy machine.
	nc, err := api.Connect("host.example", api.SetCustomDialer(d), resolving(z),
		api.Timeout(2*late), api.DontRandomize(), system())
	if z.asked.Load() == 0 {
		t.Error("nobody was asked for the name")
	}
	if n.kind != nil {
		kinds(t, err, api.ErrNoServers, n.kind)
		if !typed(err) || !strings.Contains(err.Error(), "host.example") {
			t.Errorf("failed with %v", err)
		}
		return
	}
	must.Do(t, err)
	defer nc.Close()
	must.Do(t, nc.Flush())
}
