package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
)

// acts is the plan, one rule after the other.
const acts = `
	latency(4ms, 2ms)                        # a slow line
	slice(5)                                 # one that tears everything apart
	when op(PUB) index(40) reset             # the connection breaks among the messages
	when op(PUB) index(40) halfopen(out)     # what is sent vanishes, and nobody says so
	when op(MSG) index(10) inject("-ERR 'Out Of Coffee'\r\n")  # an error that no client knows
`

const (
	subject  = "orders"
	batch    = 100 // messages in each act
	size     = 128 // bytes of each
	patience = 20 * time.Second
	budget   = 2 * time.Second // how soon work must go on once the server can be reached
)

func main() {
	seed := flag.Uint64("seed", 1, "of everything random in the faults")
	flag.Parse()
	if err := run(os.Stdout, *seed); err != nil {
		fmt.Println("faults: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("faults: ok")
}

// run is the program: it prints to out.
func run(out io.Writer, seed uint64) error {
	program, err := plan.Parse(acts)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the plan, with the seed %d:\n\n    %s\n", seed, strings.ReplaceAll(strings.TrimSpace(program.String()), "\n", "\n    "))
	server, err := natsserver.Start(natsserver.Options{Name: "faults"})
	if err != nil {
		return err
	}
	defer server.Shutdown()

	var histories []*check.History
	for _, one := range []struct {
		name    string
		connect func(url string, d dialer, r *reports) (client, error)
	}{{"nats.go", connectNatsGo}, {"troupe", connectTroupe}} {
		s := &stage{server: server, name: one.name, connect: one.connect, seed: seed}
		h, err := s.play(program)
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		histories = append(histories, h)
	}
	natsGo, troupe := histories[0].Report(), histories[1].Report()
	compare(out, natsGo, troupe)
	fmt.Fprintf(out, "\nnats.go:\n%s\ntroupe:\n%s", values(natsGo), values(troupe))
	return histories[1].Check()
}

// compare prints both verdicts for each guarantee for which one of the runs has evidence.
func compare(out io.Writer, natsGo, troupe check.Report) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "guarantee\t\tnats.go\ttroupe")
	for i, theirs := range natsGo.Guarantees {
		ours := troupe.Guarantees[i]
		if theirs.Verdict != check.Unjudged || ours.Verdict != check.Unjudged {
			fmt.Fprintf(t, "G%d\t%v\t%v\t%v\n", theirs.Guarantee, theirs.Guarantee, theirs.Verdict, ours.Verdict)
		}
	}
	t.Flush()
}

// values returns the outcomes of the messages, and the violations, indented.
func values(r check.Report) string {
	var text strings.Builder
	fmt.Fprintf(&text, "    %d published: %v; reported as possibly lost: %d\n", r.Values, r.Outcomes, r.Publishers[0].Reported)
	for _, v := range r.Guarantees {
		if v.Verdict == check.Failed {
			fmt.Fprintf(&text, "    %v\n", v)
		}
	}
	return text.String()
}

// errStuck says that a fault did not happen, so that the run proves nothing.
var errStuck = errors.New("the fault did not happen")
