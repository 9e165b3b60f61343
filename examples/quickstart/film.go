package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/objectstore"
)

const (
	filmName  = "metropolis.mkv"
	filmBytes = 8 << 20
	filmCuts  = 2 // of the connection, in each direction of the transfer
)

// reel is a transfer in progress, which is cut and shown.
type reel struct {
	v       *vault
	bar     *bar
	cuts    chan error // one for each cut: nil, or why it failed
	begun   int
	resumed uint64
}

func newReel(s *stage, name string) *reel {
	return &reel{v: s.vault, bar: s.screen.bar(name, filmBytes), cuts: make(chan error, filmCuts)}
}

// at cuts the connection at equal distances during the transfer, and moves the bar.
func (r *reel) at(ctx context.Context) func(objectstore.Progress) {
	return func(p objectstore.Progress) {
		r.bar.set(int64(p.Bytes))
		r.resumed = p.Resumed
		if r.begun < filmCuts && p.Bytes >= uint64(r.begun+1)*filmBytes/(filmCuts+1) {
			r.begun++
			go func() { r.cuts <- r.v.cut(ctx) }()
		}
	}
}

// done waits for the cuts, which end with ctx.
func (r *reel) done() (err error) {
	r.bar.clear()
	for range r.begun {
		err = errors.Join(err, <-r.cuts)
	}
	return err
}

// showObject puts an object into a bucket and gets it back, while the connection is cut.
func showObject(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: it takes a server of our own to be cut off"}, nil
	}
	films, err := objectstore.Create(ctx, s.vault.js, objectstore.Config{Bucket: "films"})
	if err != nil {
		return shown{}, err
	}
	film := make([]byte, filmBytes)
	if _, err := rand.NewChaCha8([32]byte{}).Read(film); err != nil {
		return shown{}, err
	}
	began := time.Now()
	there := newReel(s, "put")
	info, err := films.PutWith(ctx, objectstore.Meta{Name: filmName}, bytes.NewReader(film), objectstore.PutProgress(there.at(ctx)))
	if err = errors.Join(err, there.done()); err != nil {
		return shown{}, err
	}
	back := newReel(s, "get")
	digest, err := back.get(ctx, films)
	if err = errors.Join(err, back.done()); err != nil {
		return shown{}, err
	}
	if digest != sha256.Sum256(film) {
		return shown{}, errors.New("the film is not the one that was put")
	}
	return shown{
		line: fmt.Sprintf("%d MiB in %d chunks put and got back in %v: every byte is as it was,",
			filmBytes>>20, info.Chunks, time.Since(began).Round(100*time.Millisecond)),
		more: []string{fmt.Sprintf("though it was cut off %d times (resumed at the next chunk: %d)",
			there.begun+back.begun, there.resumed+back.resumed)},
	}, nil
}

// get reads the film, and returns its digest.
func (r *reel) get(ctx context.Context, films objectstore.Store) (digest [sha256.Size]byte, err error) {
	object, err := films.Get(ctx, filmName, objectstore.GetObjectProgress(r.at(ctx)))
	if err != nil {
		return digest, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, object)
	return [sha256.Size]byte(sum.Sum(nil)), errors.Join(err, object.Close())
}
