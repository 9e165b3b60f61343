package jetstream_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

func ExampleSchedules() {
	js, end := exampleStream(jetstream.StreamConfig{
		Name: "MAIL", Subjects: []string{"mail.*", "later.*"}, AllowDirect: true, AllowMsgSchedules: true,
	})
	defer end()
	ctx := context.Background()

	_, err := js.Publish(ctx, "later.7", []byte("hello"),
		jetstream.WithScheduleAt(time.Now().Add(time.Hour)), jetstream.WithScheduleTarget("mail.7"))
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range jetstream.Schedules(ctx, js, "MAIL", "later.*") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Subject, "to", s.Target)
		// Not in an hour, but now. The stream cancels the schedule in the same step.
		if _, err := jetstream.DeliverScheduleNow(ctx, js, s); err != nil {
			log.Fatal(err)
		}
	}
	mail, err := js.Stream(ctx, "MAIL")
	if err != nil {
		log.Fatal(err)
	}
	m, err := mail.GetLastMsgForSubject(ctx, "mail.7")
	if err != nil {
		log.Fatal(err)
	}
	run, _ := jetstream.ScheduledBy(m.Header)
	fmt.Println(string(m.Data), "of", run.Schedule, "for the last time:", run.Last())
	// Output:
	// later.7 to mail.7
	// hello of later.7 for the last time: true
}

func ExampleGetCounter() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "HITS", Subjects: []string{"hits.*"}, AllowDirect: true, AllowMsgCounter: true})
	defer end()
	ctx := context.Background()

	hits, err := jetstream.GetCounter(ctx, js, "HITS")
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if _, err := hits.AddInt(ctx, "hits.home", 1); err != nil {
			log.Fatal(err)
		}
	}
	total, err := hits.Load(ctx, "hits.home")
	fmt.Println(total, err)
	// Output: 3 <nil>
}
