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

// route.go - where messages go that are published into a bucket behind an API prefix, or in
// another domain.
//
//	                  ┌─► <prefix>$O.films.M.…                ──► nobody, or silence
//	films, with ──► ask ─► <prefix without $JS.API>$O.films.M.… ──► OBJ_films: this is it
//	a prefix          └─► $O.films.M.…                         ──► OBJ_films, too: an own one?
//
// Calls of the API go where the prefix says. What is published does not: servers map $KV and
// $OBJ of a domain, and not the $O that object stores have, and an account imports it as it
// likes. So the subjects that it may be are asked, with a message that every stream answers
// and none stores.

const (
	// routeWait is how long the first answer may take.
	routeWait = 2 * time.Second
	// routeSettle is how long a further one may take, beside three times what the first one took.
	routeSettle = 50 * time.Millisecond
	// nobodysStream is the stream that a question expects: no stream can have that name.
	nobodysStream = "?"
)

// candidates returns what the subject of a publish may begin with behind a prefix, the most
// precise one first.
func candidates(prefix, read string) []string {
	if prefix == "" {
		return []string{read}
	}
	if short, cut := strings.CutSuffix(prefix, jetstream.DefaultAPIPrefix); cut && short != "" {
		return []string{prefix + read, short + read, read}
	}
	return []string{prefix + read, read}
}

// answers are the names of the streams that answered for each candidate.
type answers [][]string

// choose returns the first candidate that somebody answered for, or the reason why messages
// cannot go there.
func (a answers) choose(stream string) (candidate int, reason string, kind error) {
	for i, streams := range a {
		switch {
		case len(streams) == 0:
			continue
		case len(streams) > 1:
			return i, "several streams take what is published into it from here: " + strings.Join(streams, ", "), ErrBucketAmbiguous
		case streams[0] != stream:
			return i, "another stream takes what is published into it from here: " + streams[0], ErrBucketAmbiguous
		}
		return i, "", nil
	}
	return 0, "no stream answers what is published into it from here: its subjects are not imported, or do not pass a leaf node", ErrBucketNotWritable
}

// writePrefix returns what the subject of a publish into the bucket begins with. Errors:
// ErrBucketNotWritable, and among it ErrBucketAmbiguous.
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
	i, reason, kind := found.choose(stores.Stream(s.bucket))
	if kind == nil && all[i] == s.read && s.ownBucket(ctx) {
		kind, reason = ErrBucketAmbiguous, "the account has a bucket of that name, too, and what is published would go into that one"
	}
	if kind != nil {
		e := stores.Error(op, s.bucket, kind, reason)
		e.Err = err
		return "", e
	}
	s.write.Store(&all[i])
	return all[i], nil
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

// answered is one answer to a question, or the end of them.
type answered struct {
	candidate int
	stream    string
	end       bool
	err       error // why it ended, if it was not that there is nobody
}

// askAll asks who takes messages of each candidate. The error is one of those that kept it
// from asking, if there is any.
func (s *store) askAll(ctx context.Context, all []string) (found answers, failure error) {
	ctx, cancel := context.WithCancel(ctx)
	came := make(chan answered)
	var asking sync.WaitGroup
	for i, prefix := range all {
		asking.Go(func() { s.ask(ctx, prefix, func(a answered) { a.candidate = i; tell(ctx, came, a) }) })
	}
	defer asking.Wait()
	defer cancel()
	found = make(answers, len(all))
	began := time.Now()
	patience := time.NewTimer(routeWait)
	defer patience.Stop()
	for open, first := len(all), true; open > 0; {
		select {
		case a := <-came:
			if a.end {
				open--
				failure = cmp.Or(failure, a.err)
				continue
			}
			found[a.candidate] = append(found[a.candidate], a.stream)
			if first {
				first = false
				patience.Reset(routeSettle + 3*time.Since(began))
			}
		case <-patience.C:
			return found, failure
		case <-ctx.Done():
			return found, failure
		}
	}
	return found, failure
}

// tell hands over an answer while somebody waits for it.
func tell(ctx context.Context, to chan<- answered, a answered) {
	select {
	case to <- a:
	case <-ctx.Done():
	}
}

// ask asks who takes messages of one candidate, until there are no more answers.
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
