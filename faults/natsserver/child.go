package natsserver

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
)

const (
	// childVariable tells a process of this program that it is to be a server.
	childVariable = "TROUPE_NATSSERVER_CHILD"

	// mark begins each line of a child that is meant for its parent. Everything else that
	// the process prints is for people.
	mark = "natsserver-child:"
)

// Child turns this process into a server if [StartProcess] has started it for that, and
// then does not return. In every other process it does nothing. Call it first, before
// flags are parsed: in TestMain, or in main.
//
//	func TestMain(m *testing.M) {
//		natsserver.Child()
//		os.Exit(m.Run())
//	}
func Child() {
	if os.Getenv(childVariable) != "" {
		os.Exit(serve(os.Stdin, os.Stdout))
	}
}

// The parent first sends a setup, and then orders; the child sends reports. The messages
// are JSON, one value on each line.
type (
	setup struct {
		Options                   Options
		StoreDir                  string
		ClientPort, WebSocketPort int
		Log                       logging
	}

	// order asks a child for something; each but the last two is followed by one done.
	order struct {
		Do      string
		Options *Options `json:",omitempty"` // reload
		Name    string   `json:",omitempty"` // kick
		ID      uint64   `json:",omitempty"` // kick of an id
		Account string   `json:",omitempty"` // follow
		Token   string   `json:",omitempty"` // follow
	}

	// report has exactly one field set.
	report struct {
		Here  *struct{} `json:",omitempty"` // the process is a child
		Ready *ready    `json:",omitempty"` // the server is running
		Done  *done     `json:",omitempty"`
		Line  *logLine  `json:",omitempty"`
	}
	ready struct {
		ClientPort, WebSocketPort int
		Scheme, WebSocketScheme   string
		Error                     string // why it is not running
	}
	done struct {
		Count   int
		Down    bool                // ErrDown
		Unknown *UnknownClientError `json:",omitempty"`
		Option  *OptionError        `json:",omitempty"`
		Error   string              // any other error
	}
	logLine struct{ Level, Text string }

	// logging says whether the parent wants the log.
	logging string
)

// The orders.
const (
	doReload   = "reload"
	doKick     = "kick"
	doKickID   = "kick id"
	doKickAll  = "kick all"
	doFollow   = "follow"
	doLameDuck = "lame duck"
	doShutdown = "shutdown"

	logWanted logging = "wanted"
)

// reporter writes reports. Safe for concurrent use.
type reporter struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *reporter) report(what report) {
	text, err := json.Marshal(what)
	if err != nil {
		text, _ = json.Marshal(report{Line: &logLine{Level: "error", Text: err.Error()}})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// If the parent is gone, nobody reads reports; the end of the input reports that as
	// well.
	_, _ = r.out.Write(append([]byte("\n"+mark), append(text, '\n')...))
}

// serve is the main function of a child; it returns the exit code of the process. If the
// parent is gone, it ends without notice, as a killed server does.
func serve(in io.Reader, out io.Writer) int {
	r := &reporter{out: out}
	r.report(report{Here: &struct{}{}})
	orders := json.NewDecoder(bufio.NewReader(in))
	var begin setup
	if err := orders.Decode(&begin); err != nil {
		return 1
	}
	s, err := begin.start(r)
	if err != nil {
		r.report(report{Ready: &ready{Error: err.Error()}})
		return 1
	}
	r.report(report{Ready: &ready{ClientPort: s.at.on.client, WebSocketPort: s.at.on.webSocket,
		Scheme: s.at.scheme, WebSocketScheme: s.at.webSocketScheme}})
	obey(s, orders, r)
	return 0
}

// start starts the server of a child.
func (b *setup) start(r *reporter) (*Server, error) {
	opts := b.Options
	opts.StoreDir = b.StoreDir
	if b.Log == logWanted {
		opts.Log = func(level, line string) { r.report(report{Line: &logLine{Level: level, Text: line}}) }
	}
	s := newServer(opts)
	s.at.on.client, s.at.on.webSocket = b.ClientPort, b.WebSocketPort
	return s, s.start()
}

// obey carries out orders until the process has to end: at the end of the input, which
// means that the parent has ended, and when the server is gone.
func obey(s *Server, orders *json.Decoder, r *reporter) {
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	go func() {
		defer end()
		for {
			var o order
			if orders.Decode(&o) != nil {
				return
			}
			if o.Do == doShutdown {
				s.Shutdown()
				return
			}
			if o.Do != doLameDuck {
				r.report(report{Done: s.obey(&o)})
				continue
			}
			farewell := s.LameDuck()
			go func() {
				<-farewell
				end()
			}()
		}
	}()
	<-over
}

// obey carries out one order.
func (s *Server) obey(o *order) *done {
	var count int
	var err error
	switch o.Do {
	case doReload:
		err = s.Reload(func(opts *Options) { *opts = o.over(opts) })
	case doKick:
		count, err = s.Kick(o.Name)
	case doKickID:
		err = s.KickID(o.ID)
	case doKickAll:
		count, err = s.KickAll()
	case doFollow:
		err = s.opts.Operator.publish(o.Account, o.Token)
	default:
		err = errors.New("no such order: " + o.Do)
	}
	return doneWith(count, err)
}

// over returns the options of a reload, with those that only the child has taken from
// now.
func (o *order) over(now *Options) Options {
	opts := *o.Options
	opts.StoreDir, opts.Log, opts.Operator = now.StoreDir, now.Log, now.Operator
	return opts
}

// doneWith reports how an order ended, so that the parent gets an equal error.
func doneWith(count int, err error) *done {
	d := &done{Count: count}
	switch {
	case err == nil:
	case errors.Is(err, ErrDown):
		d.Down = true
	case errors.As(err, &d.Unknown), errors.As(err, &d.Option):
	default:
		d.Error = err.Error()
	}
	return d
}

// err is the error that the child had.
func (d *done) err() error {
	switch {
	case d.Down:
		return ErrDown
	case d.Unknown != nil:
		return d.Unknown
	case d.Option != nil:
		return d.Option
	case d.Error != "":
		return errors.New(d.Error)
	}
	return nil
}
