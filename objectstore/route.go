package objectstore

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
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

// candidates returns what the subject of a publish may begin with, the most precise one first.
func candidates(o jetstream.JetStreamOptions, read string) []string {
	prefix := strings.TrimSuffix(o.APIPrefix, ".") + "."
	switch {
	case prefix == jetstream.DefaultAPIPrefix, o.APIPrefix == "" && o.Domain == "":
		return []string{read}
	case o.APIPrefix == "":
		return []string{"$JS." + o.Domain + ".API." + read, read}
	}
	if short, cut := strings.CutSuffix(prefix, jetstream.DefaultAPIPrefix); cut {
		return []string{prefix + read, short + read, read}
	}
	return []string{prefix + read, read}
}

// answers are the names of the streams that answered for each candidate.
type answers [][]string

// choose returns the first candidate that somebody answered for, or the reason why messages
// cannot go there.
func (a answers) choose(stream string) (candidate int, kind error, reason string) {
	for i, streams := range a {
		switch {
		case len(streams) == 0:
			continue
		case len(streams) > 1:
			return i, ErrBucketAmbiguous, "several streams take what is published into it from here: " + strings.Join(streams, ", ")
		case streams[0] != stream:
			return i, ErrBucketAmbiguous, "another stream takes what is published into it from here: " + streams[0]
		}
		return i, nil, ""
	}
	return 0, ErrBucketNotWritable, "no stream answers what is published into it from here: its subjects are not imported, or do not pass a leaf node"
}

// writePrefix returns what the subject of a publish into the bucket begins with. Errors:
// ErrBucketNotWritable, and among it ErrBucketAmbiguous.
func (s *store) writePrefix(ctx context.Context, op string) (string, error) {
	if found := s.write.Load(); found != nil {
		return *found, nil
	}
	all := candidates(s.js.Options(), s.read)
	if len(all) == 1 {
		s.write.Store(&s.read)
		return s.read, nil
	}
	i, kind, reason := s.askAll(ctx, all).choose(stores.Stream(s.bucket))
	if err := ctx.Err(); err != nil {
		return "", s.failed(op, "", context.Cause(ctx))
	}
	if kind == nil && all[i] == s.read && s.ownBucket(ctx) {
		kind, reason = ErrBucketAmbiguous, "the account has a bucket of that name, too, and what is published would go into that one"
	}
	if kind != nil {
		return "", stores.Error(op, s.bucket, kind, reason)
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
}

// askAll asks who takes messages of each candidate.
func (s *store) askAll(ctx context.Context, all []string) answers {
	ctx, cancel := context.WithCancel(ctx)
	came := make(chan answered)
	var asking sync.WaitGroup
	for i, prefix := range all {
		asking.Go(func() {
			s.ask(ctx, prefix, func(stream string, end bool) { tell(ctx, came, answered{i, stream, end}) })
		})
	}
	defer asking.Wait()
	defer cancel()
	found := make(answers, len(all))
	began := time.Now()
	patience := time.NewTimer(routeWait)
	defer patience.Stop()
	for open, first := len(all), true; open > 0; {
		select {
		case a := <-came:
			if a.end {
				open--
				continue
			}
			found[a.candidate] = append(found[a.candidate], a.stream)
			if first {
				first = false
				patience.Reset(routeSettle + 3*time.Since(began))
			}
		case <-patience.C:
			return found
		case <-ctx.Done():
			return found
		}
	}
	return found
}

// tell hands over an answer while somebody waits for it.
func tell(ctx context.Context, to chan<- answered, a answered) {
	select {
	case to <- a:
	case <-ctx.Done():
	}
}

// ask asks who takes messages of one candidate, until there are no more answers.
func (s *store) ask(ctx context.Context, prefix string, came func(stream string, end bool)) {
	m := &api.Msg{Subject: prefix + "M." + encodeName(nobodysStream), Header: api.Header{jetstream.ExpectedStreamHeader: {nobodysStream}}}
	for answer, err := range s.js.Conn().RequestManyMsg(ctx, m, api.RequestManyTotal(2*routeWait)) {
		if err != nil {
			break
		}
		var who struct {
			Stream string `json:"stream"`
		}
		if err := json.Unmarshal(answer.Data, &who); err != nil || who.Stream == "" {
			who.Stream = "a subscriber"
		}
		came(who.Stream, false)
	}
	came("", true)
}
