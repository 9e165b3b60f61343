package jetstream

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// schedulePurge is the value of ScheduleNextHeader with which a message ends a schedule.
const schedulePurge = "purge"

// checkSchedule checks what a schedule needs of the stream.
func (r *batchRules) checkSchedule(m *api.Msg) *rejection {
	switch {
	case field(m, ScheduleHeader) == "" || !r.limits.knowsMsg:
		return nil
	case !r.limits.scheduling:
		return &rejection{ScheduleHeader, "needs AllowMsgSchedules", ErrMessageSchedulesDisabled}
	case field(m, ScheduleTTLHeader) != "" && !r.limits.ttl:
		return &rejection{ScheduleTTLHeader, "needs AllowMsgTTL", ErrMsgTTLDisabled}
	default:
		return nil
	}
}

// checkScheduler checks a message that ends a schedule.
func (r *batchRules) checkScheduler(m *api.Msg) *rejection {
	next, scheduler := field(m, ScheduleNextHeader), field(m, SchedulerHeader)
	if next == "" {
		if scheduler != "" {
			return &rejection{SchedulerHeader, "needs " + ScheduleNextHeader, ErrScheduleSchedulerInvalid}
		}
		return nil
	}
	if next != schedulePurge {
		return &rejection{ScheduleNextHeader, fmt.Sprintf("is %q, and only purge can be", next), ErrScheduleSchedulerInvalid}
	}
	if protocol.CheckPublishSubject(scheduler) != nil || scheduler == m.Subject {
		return &rejection{SchedulerHeader, fmt.Sprintf("is %q, not another subject without wildcards", scheduler), ErrScheduleSchedulerInvalid}
	}
	if r.limits.knowsMsg && !r.limits.scheduling {
		return &rejection{ScheduleNextHeader, "needs AllowMsgSchedules", ErrMessageSchedulesDisabled}
	}
	if schedule, written := r.written[scheduler]; written && !schedule {
		return &rejection{SchedulerHeader, fmt.Sprintf("is %q, to which this batch has written no schedule", scheduler), ErrScheduleSchedulerInvalid}
	}
	return nil
}

// badPattern says what is wrong with a schedule, empty for nothing.
func badPattern(pattern string, zoned bool) string {
	if at, ok := strings.CutPrefix(pattern, "@at "); ok {
		if _, err := time.Parse(time.RFC3339, at); err != nil || zoned {
			return "is not a valid time, or has a time zone besides"
		}
		return ""
	}
	if every, ok := strings.CutPrefix(pattern, "@every "); ok {
		if d, err := time.ParseDuration(every); err != nil || d < time.Second || zoned {
			return "is not a duration of at least 1s, or has a time zone besides"
		}
		return ""
	}
	switch pattern {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return ""
	}
	return badCron(pattern)
}

// cronField is what one field of a cron pattern may be.
type cronField struct {
	name     string
	min, max int
	words    string // names of the values from min on, three letters each
}

// cronFields are in the order of a pattern.
func cronFields() []cronField {
	return []cronField{
		{name: "second", max: 59}, {name: "minute", max: 59}, {name: "hour", max: 23}, {name: "day", min: 1, max: 31},
		{name: "month", min: 1, max: 12, words: "janfebmaraprmayjunjulaugsepoctnovdec"},
		{name: "weekday", max: 6, words: "sunmontuewedthufrisat"},
	}
}

// badCron says what is wrong with a pattern of six fields, empty for nothing.
func badCron(pattern string) string {
	given, fields := strings.Fields(pattern), cronFields()
	if len(given) != len(fields) {
		return fmt.Sprintf("has %d fields, not 6", len(given))
	}
	for i, f := range fields {
		for _, part := range strings.Split(given[i], ",") {
			if part != "" && !f.holds(part) {
				return fmt.Sprintf("has %q as a %s", part, f.name)
			}
		}
	}
	return ""
}

// holds reports whether part is a value, a range of values, or either with a step.
func (f cronField) holds(part string) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
		return false
	}
	low, high, ranged := strings.Cut(span, "-")
	if low == "*" || low == "?" {
		return !ranged
	}
	from, ok := f.value(low)
	if !ok || !ranged {
		return ok
	}
	to, ok := f.value(high)
	return ok && from <= to
}

// value reads a number or a name.
func (f cronField) value(s string) (int, bool) {
	if at := strings.Index(f.words, strings.ToLower(s)); len(s) == 3 && at >= 0 && at%3 == 0 {
		return f.min + at/3, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= f.min && n <= f.max
}
