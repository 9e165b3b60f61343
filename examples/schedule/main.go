package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	soon     = 4 * time.Second
	later    = 24 * time.Hour
	ticks    = 2 // of the repeating schedule
	patience = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("schedule: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("schedule: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "schedule", JetStream: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := reminders{js: js, out: out}
	if r.stream, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "REMINDERS", Subjects: []string{"remind.*", "due.*"}, AllowMsgSchedules: true, AllowDirect: true,
	}); err != nil {
		return err
	}
	// What is due is stored, and consumed like any other message.
	due, err := r.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: "due.*"})
	if err != nil {
		return err
	}
	if r.due, err = due.Messages(); err != nil {
		return err
	}
	defer r.due.Stop()
	return r.show(ctx)
}

// reminders are the schedules of one stream.
type reminders struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	out    io.Writer
	due    jetstream.MessagesContext
}

// show creates, lists, replaces and cancels schedules, and waits for what is due.
func (r *reminders) show(ctx context.Context) error {
	began := time.Now()
	for _, s := range []struct {
		name, text string
		when       jetstream.PublishOpt
	}{
		{"tick", "tick", jetstream.WithScheduleEvery(time.Second)},
		{"bill", "pay the bill", jetstream.WithScheduleAt(began.Add(later))},
		{"milk", "buy milk", jetstream.WithScheduleAt(began.Add(soon))},
		{"tea", "the tea is ready", jetstream.WithScheduleAt(began.Add(later))},
	} {
		if err := r.set(ctx, s.name, s.text, s.when); err != nil {
			return err
		}
	}
	if err := r.replace(ctx, "tea", "the tea is ready, now"); err != nil {
		return err
	}
	if err := r.list(ctx, 4); err != nil {
		return err
	}
	if err := r.cancel(ctx, "milk"); err != nil {
		return err
	}
	if err := r.wait(ctx, began); err != nil {
		return err
	}
	if err := r.cancel(ctx, "tick"); err != nil {
		return err
	}
	return r.list(ctx, 1)
}

// set creates a schedule.
func (r *reminders) set(ctx context.Context, name, text string, when jetstream.PublishOpt) error {
	_, err := r.js.Publish(ctx, "remind."+name, []byte(text), when, jetstream.WithScheduleTarget("due."+name))
	return err
}

// list prints the schedules, and checks how many there are.
func (r *reminders) list(ctx context.Context, want int) error {
	found := 0
	fmt.Fprintln(r.out, "scheduled:")
	for s, err := range jetstream.Schedules(ctx, r.js, "REMINDERS", "remind.*") {
		if err != nil {
			return err
		}
		found++
		pattern, _, _ := strings.Cut(s.Pattern, " 2") // leave out the time of @at
		fmt.Fprintf(r.out, "    %-12s %-10s %q for %s\n", s.Subject, pattern, s.Data, s.Target)
	}
	if found != want {
		return fmt.Errorf("%d schedules, want %d", found, want)
	}
	return nil
}

// replace changes a schedule, unless someone else has changed it meanwhile.
func (r *reminders) replace(ctx context.Context, name, text string) error {
	s, err := jetstream.GetSchedule(ctx, r.js, "REMINDERS", "remind."+name)
	if err != nil {
		return err
	}
	s.Data = []byte(text)
	_, err = jetstream.ReplaceSchedule(ctx, r.js, s, jetstream.WithScheduleAt(time.Now().Add(soon)))
	return err
}

// cancel ends a schedule.
func (r *reminders) cancel(ctx context.Context, name string) error {
	s, err := jetstream.GetSchedule(ctx, r.js, "REMINDERS", "remind."+name)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "cancelled: %s\n", s.Subject)
	return jetstream.CancelSchedule(ctx, r.js, s)
}

// wait waits for the tea and for some ticks; nothing else may arrive.
func (r *reminders) wait(ctx context.Context, began time.Time) error {
	for ticked, tea := 0, false; ticked < ticks || !tea; {
		m, err := r.due.NextWithContext(ctx)
		if err != nil {
			return fmt.Errorf("after %d ticks, tea %v: %w", ticked, tea, err)
		}
		after, text := time.Since(began), string(m.Data())
		fmt.Fprintf(r.out, "due after %v: %s\n", after.Round(100*time.Millisecond), text)
		switch {
		case text == "tick":
			ticked++
		case text == "the tea is ready, now" && !tea && after >= soon:
			tea = true
		default:
			return fmt.Errorf("%q came after %v", text, after)
		}
		if err := m.Ack(); err != nil {
			return err
		}
	}
	return nil
}
