package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/api"
)

const (
	queueMembers = 3
	queueCount   = 3000
)

// showQueueGroup lets the members of a queue group share the work: each message
// must go to exactly one of them.
func showQueueGroup(ctx context.Context, s *stage) (shown, error) {
	tally := newTally(queueCount)
	var members [queueMembers]*api.Subscription
	var got [queueMembers]int // each owned by one member's handler until its drain is over
	for i := range members {
		member, err := s.nc.QueueSubscribe(s.subject("jobs"), "workers", func(m *api.Msg) {
			got[i]++
			tally.count(m.Data)
		})
		if err != nil {
			return shown{}, err
		}
		members[i] = member
	}
	if err := s.publish("jobs", queueCount); err != nil {
		return shown{}, err
	}
	total := 0
	var split []string
	for i, member := range members {
		if err := member.DrainContext(ctx); err != nil {
			return shown{}, err
		}
		total += got[i]
		split = append(split, group(got[i]))
	}
	came, twice := tally.sum()
	if total != queueCount || came != queueCount || twice != 0 {
		return shown{}, s.wrong("%d jobs, %d done, %d of them twice, %d handler calls", queueCount, came, twice, total)
	}
	return shown{line: fmt.Sprintf("%s jobs = %s, done by %d members, none twice",
		group(queueCount), strings.Join(split, " + "), queueMembers)}, nil
}
