package actors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// TestPictureInThePackageDoc compares the picture in doc.go with a real tree.
func TestPictureInThePackageDoc(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	tape.await(t, 5, "actors running", func(n Notice) bool { // all but the callbacks actor, which gets no events about itself
		return n.Kind == supervisor.StateChanged && n.After == "running" && n.Path != c.name && n.Path != c.name+"/link"
	})
	tape.await(t, 1, "connected", func(n Notice) bool { return n.Kind == supervisor.StateChanged && n.After == "connected" })
	subscribe(t, c, SubSpec{Subject: "orders.*", Consumer: handle(func(_, _ string) {})})
	subscribe(t, c, SubSpec{Subject: "jobs", Queue: "workers", Consumer: handle(func(_, _ string) {})})
	if err := c.Flush(must.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(source), "(a test compares):\n//\n")
	picture, _, _ = strings.Cut(picture, "\n//\n")
	want := strings.Fields(strings.ReplaceAll(picture, "//\t", ""))
	// From the real picture, the times in a state, the messages waiting for an actor, and
	// the address are removed.
	times := regexp.MustCompile(`\s[0-9.]+(µs|ms|s|m)\s`)
	mail := regexp.MustCompile(`\smailbox [0-9]+`)
	address := regexp.MustCompile(`nats://[0-9.:]+`)
	drawn := times.ReplaceAllString(strings.ReplaceAll(c.Tree().String(), "\n", " \n"), " ")
	drawn = mail.ReplaceAllString(drawn, "")
	drawn = address.ReplaceAllString(drawn, "nats://127.0.0.1:4222")
	if diff := cmp.Diff(want, strings.Fields(drawn)); diff != "" {
		t.Errorf("the picture (-doc.go +tree):\n%s\n%s", diff, drawn)
	}
}

// TestTreeOfAClosedConnection still answers, and says that it is down.
func TestTreeOfAClosedConnection(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	if err := c.Health(); err != nil {
		t.Errorf("health of a good connection: %v", err)
	}
	c.Close(context.Background())
	if n := c.Tree(); n.Level != supervisor.Down || len(n.Children) != 0 {
		t.Errorf("tree after the close:\n%v", n)
	}
	if err := c.Health(); !errors.Is(err, supervisor.ErrUnhealthy) {
		t.Errorf("health after the close: %v", err)
	}
}

// TestStoppedSubscriptionsStayInSight: the tree shows the last 64, with the reason.
func TestStoppedSubscriptionsStayInSight(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	stopped := 0
	stop := func() {
		stopped++
		subject := fmt.Sprintf("stop.%d", stopped)
		subscribe(t, c, SubSpec{Subject: subject, Policy: supervisor.Policy{Directive: supervisor.Stop},
			Consumer: handle(func(_, _ string) { panic("enough") })})
		mustPublish(t, c, subject, "x")
		tape.await(t, stopped, "stop", isKind(supervisor.SubscriptionStopped))
	}
	for range stoppedMax + 1 {
		stop()
		down := c.Tree().Unhealthy()
		if want := min(stopped, stoppedMax); len(down) != want {
			t.Fatalf("%d of %d stopped subscriptions in sight", len(down), want)
		}
		last := down[len(down)-1]
		if last.State != "stopped" || last.Level != supervisor.Down || !strings.Contains(last.Reason, "enough") ||
			!strings.Contains(last.Reason, fmt.Sprintf("stop.%d", stopped)) {
			t.Fatalf("the last of them: %+v", last)
		}
	}
	var unwell *supervisor.HealthError
	if err := c.Health(); !errors.As(err, &unwell) || unwell.Worst() != supervisor.Down || !strings.Contains(err.Error(), "enough") {
		t.Errorf("health: %v", err)
	}
	if n := c.SubscriptionCount(); n != 0 {
		t.Errorf("the server still knows %d subscriptions", n)
	}
}

// TestLeavingSubscriptionIsInSight until its handler is done, although the server no
// longer knows it.
func TestLeavingSubscriptionIsInSight(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	sub := subscribe(t, c, SubSpec{Subject: "once", Consumer: handle(func(_, _ string) {
		entered <- struct{}{}
		<-release
	})})
	if err := sub.AutoUnsubscribe(1); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, c, "once", "x")
	<-entered
	if c.SubscriptionCount() != 0 {
		t.Error("the server still knows the subscription")
	}
	n, ok := c.Tree().Find(sub.Path())
	if !ok || n.State != "busy" {
		t.Errorf("in the tree: %v, %+v", ok, n)
	}
	close(release)
	if err := sub.next.awaitClosed(must.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Tree().Find(sub.Path()); ok {
		t.Error("still in the tree after its end")
	}
}
