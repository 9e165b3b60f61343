package jetstream

import (
	"testing"
	"time"
)

func TestOrderedGap(t *testing.T) {
	made := time.Unix(1000, 0)
	const away = 30 * time.Minute
	for name, test := range map[string]struct {
		facts  orderedFacts
		stream StreamInfo
		want   Gap
	}{
		"all is there":                  {stream: StreamInfo{State: StreamState{FirstSeq: 1, LastSeq: 10}}},
		"nothing new":                   {stream: StreamInfo{State: StreamState{FirstSeq: 1, LastSeq: 5}}},
		"empty, and all was seen":       {stream: StreamInfo{State: StreamState{FirstSeq: 6, LastSeq: 5}}},
		"begins with the next one":      {stream: StreamInfo{State: StreamState{FirstSeq: 6, LastSeq: 10}}},
		"begins behind the next one":    {stream: StreamInfo{State: StreamState{FirstSeq: 7, LastSeq: 10}}, want: GapRemoved},
		"empty, and not all was seen":   {stream: StreamInfo{State: StreamState{FirstSeq: 11, LastSeq: 10}}, want: GapRemoved},
		"ends before the last one":      {stream: StreamInfo{State: StreamState{FirstSeq: 1, LastSeq: 4}}, want: GapRegressed},
		"another one of that name":      {stream: StreamInfo{Created: made.Add(1), State: StreamState{FirstSeq: 1, LastSeq: 10}}, want: GapReplaced},
		"another one, and it ends":      {stream: StreamInfo{Created: made.Add(1), State: StreamState{FirstSeq: 1, LastSeq: 1}}, want: GapReplaced},
		"any one, if it is not known":   {facts: orderedFacts{created: time.Time{}.Add(1)}, stream: StreamInfo{Created: made.Add(1), State: StreamState{LastSeq: 10}}},
		"away as long as allowed":       {facts: orderedFacts{silence: away}, stream: StreamInfo{State: StreamState{LastSeq: 5}}},
		"away for longer":               {facts: orderedFacts{silence: away + 1}, stream: StreamInfo{State: StreamState{LastSeq: 5}}, want: GapAway},
		"away for longer than MaxAge":   {facts: orderedFacts{silence: 11}, stream: StreamInfo{Config: StreamConfig{MaxAge: 10}, State: StreamState{LastSeq: 5}}, want: GapAway},
		"away for longer than a marker": {facts: orderedFacts{silence: 11}, stream: StreamInfo{Config: StreamConfig{SubjectDeleteMarkerTTL: 10}, State: StreamState{LastSeq: 5}}, want: GapAway},
		"away for less than both":       {facts: orderedFacts{silence: 10}, stream: StreamInfo{Config: StreamConfig{MaxAge: 10, SubjectDeleteMarkerTTL: 11}, State: StreamState{LastSeq: 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := test.facts
			f.place = orderedPlace{known: true, seq: 5}
			f.restart = &orderedRestart{policy: DeliverAllPolicy, away: away}
			if f.created.IsZero() {
				f.created = made
			} else {
				f.created = time.Time{}
			}
			if test.stream.Created.IsZero() {
				test.stream.Created = made
			}
			if got := f.gap(&test.stream); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			f.restart = nil
			if got := f.gap(&test.stream); got != test.want && test.want != GapAway {
				t.Errorf("without a restart: %v, want %v", got, test.want)
			}
		})
	}
	nothing := orderedFacts{created: made, silence: away + 1, restart: &orderedRestart{policy: DeliverAllPolicy, away: away}}
	for created, want := range map[time.Time]Gap{made: GapNone, made.Add(1): GapReplaced} {
		if got := nothing.gap(&StreamInfo{Created: created, State: StreamState{FirstSeq: 7, LastSeq: 10}}); got != want {
			t.Errorf("where nothing was handed on: %v, want %v", got, want)
		}
	}
	if GapAway.String() == "" || Gap(9).String() != "gap 9" {
		t.Error("names of gaps")
	}
}

func TestPulseLife(t *testing.T) {
	p := pulse{every: time.Second}
	begin := time.Unix(100, 0)
	p.start(begin)
	for i := range 3 {
		if !p.missed(begin.Add(time.Duration(i+1) * 2 * time.Second)) {
			t.Fatal("no miss")
		}
		if got := p.life(); !got.Equal(begin) {
			t.Errorf("after %d misses the last sign of life was at %v", i+1, got)
		}
	}
	p.beat(begin.Add(time.Minute))
	if got := p.life(); !got.Equal(begin.Add(time.Minute)) {
		t.Errorf("it was at %v", got)
	}
}
