package objectstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// route.go - where messages go that are published into a bucket with an API prefix, or in
// another domain.
//
//	                  ┌─► <prefix>$O.films.M.…                ──► no responders, or no answer
//	films, with ──► ask ─► <prefix without $JS.API>$O.films.M.… ──► OBJ_films: this is it
//	a prefix          └─► $O.films.M.…                         ──► OBJ_films, too: an own one?
//
// API calls go where the prefix says, but publishes need not: of a domain, servers map $KV and
// $OBJ but not the $O of object stores, and an account may import it under any subject. So all
// possible subjects are probed, with a message that every stream answers and none stores.

const (
	// routeWait is how long the first answer may take.
	routeWait = 2 * time.Second
	// routeSettle is how long each further one may take, in addition to three times the time of
	// the first one, if those that came tell where to write; if they do not, all may take as long
	// as the first one.
	routeSettle = 50 * time.Millisecond
	// nobodysStream is the stream that a probe expects: no stream can have that name.
	nobodysStream = "?"
)

// candidates returns the possible beginnings of the subject of a publish for an API prefix, the
// most precise one first.
func candidates(prefix, read string) []string {
	if prefix == "" {
		return []string{read}
	}
	if short, cut := strings.CutSuffix(prefix, jetstream.DefaultAPIPrefix); cut && short != "" {
		return []string{prefix + read, short + read, read}
	}
	return []string{prefix + read, read}
}

// answers are the names of the streams that answered, for each candidate.
type answers [][]string

// choice is the candidate to write to, or the reason why there is none.
type choice struct {
	candidate int
	kind      error // nil if there is one
	reason    string
}

// choose returns the first candidate that a stream answered for, or the reason why the bucket
// cannot be written to.
func (a answers) choose(stream string) choice {
	for i, streams := range a {
		switch {
		case len(streams) == 0:
			continue
		case len(streams) > 1:
			return choice{i, ErrBucketAmbiguous, "several streams store what is published into it from here: " + strings.Join(streams, ", ")}
		case streams[0] != stream:
			return choice{i, ErrBucketAmbiguous, "another stream stores what is published into it from here: " + streams[0]}
		}
		return choice{candidate: i}
	}
	return choice{kind: ErrBucketNotWritable, reason: "no stream answers what is published into it from here: its subjects are not imported, or do not pass a leaf node"}
}

// writePrefix returns what the subject of a publish into the bucket begins with. Errors:
// ErrBucketNotWritable, or its special case ErrBucketAmbiguous.
func (s *store) writePrefix(ctx context.Context, op string) (string, error) {
	if found := s.write.Load(); found != nil {
		return *found, nil
	}
	all := candidates(bucket.PublishPrefix(s.js), s.read)
	if len(all) == 1 {
		s.write.Store(&s.read)
		return s.read, nil
	}
	found, err := s.askAll(ctx, all)
	if ctx.Err() != nil {
		return "", s.bucketFailed(op, context.Cause(ctx))
	}
	if found.kind != nil {
		e := stores.Error(op, s.bucket, found.kind, found.reason)
		e.Err = err
		return "", e
	}
	s.write.Store(&all[found.candidate])
	return all[found.candidate], nil
}

// choose also refuses the candidate to which an own bucket of that name would answer.
func (s *store) choose(ctx context.Context, all []string, found answers) choice {
	c := found.choose(stores.Stream(s.bucket))
	if c.kind == nil && all[c.candidate] == s.read && s.ownBucket(ctx) {
		c.kind, c.reason = ErrBucketAmbiguous, "the account also has a bucket of that name, which would store what is published"
	}
	return c
}

// ownBucket reports whether the API without a prefix has another bucket of that name.
func (s *store) ownBucket(ctx context.Context) bool {
	js, err := jetstream.New(s.js.Conn())
	if err != nil {
		return false
	}
	own, err := js.Stream(ctx, stores.Stream(s.bucket))
	return err == nil && !own.CachedInfo().Created.Equal(s.stream.CachedInfo().Created)
}

// answered is one answer to a probe, or the end of the answers.
type answered struct {
	candidate int
	stream    string
	end       bool
	err       error // why it ended, unless there are no responders
}

// askAll asks which streams store messages of each candidate, and chooses one. failure is one of
// the errors that kept it from asking, if any.
func (s *store) askAll(ctx context.Context, all []string) (chosen choice, failure error) {
	ctx, cancel := context.WithCancel(ctx)
	came := make(chan answered)
	var asking sync.WaitGroup
	for i, prefix := range all {
		asking.Go(func() { s.ask(ctx, prefix, func(a answered) { a.candidate = i; tell(ctx, came, a) }) })
	}
	defer asking.Wait()
	defer cancel()
	found := make(answers, len(all))
	began := time.Now()
	patience := time.NewTimer(routeWait)
	defer patience.Stop()
	var settle time.Duration // 0 before the first answer
	for open := len(all); open > 0; {
		select {
		case a := <-came:
			if a.end {
				open--
				failure = cmp.Or(failure, a.err)
				continue
			}
			found[a.candidate] = append(found[a.candidate], a.stream)
			if settle == 0 {
				settle = routeSettle + 3*time.Since(began)
			}
			patience.Reset(settle)
		case <-patience.C:
			chosen, left := s.choose(ctx, all, found), routeWait-time.Since(began)
			if chosen.kind == nil || left <= 0 {
				return chosen, failure
			}
			patience.Reset(left) // the right one may be slower than another
		case <-ctx.Done():
			return choice{}, failure
		}
	}
	return s.choose(ctx, all, found), failure
}

// tell hands over an answer unless ctx has ended.
func tell(ctx context.Context, to chan<- answered, a answered) {
	select {
	case to <- a:
	case <-ctx.Done():
	}
}

// ask asks which streams store messages of one candidate, until there are no more answers.
func (s *store) ask(ctx context.Context, prefix string, came func(answered)) {
	m := &api.Msg{Subject: prefix + "M." + encodeName(nobodysStream), Header: api.Header{jetstream.ExpectedStreamHeader: {nobodysStream}}}
	for answer, err := range s.js.Conn().RequestManyMsg(ctx, m, api.RequestManyTotal(2*routeWait)) {
		if errors.Is(err, api.ErrNoResponders) {
			break
		}
		if err != nil {
			came(answered{end: true, err: err})
			return
		}
		var who struct {
			Stream string `json:"stream"`
		}
		if err := json.Unmarshal(answer.Data, &who); err != nil || who.Stream == "" {
			who.Stream = "a subscriber"
		}
		came(answered{stream: who.Stream})
	}
	came(answered{end: true})
}
