package main

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// errObject says that an object has another size than the one that was put.
var errObject = errors.New("object: not the size that was put")

const objectName = "object"

// object measures how long it takes to put or get a whole object, on a real server.
func object(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := streams(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 9*runWait)
	defer cancel()
	if err := stays(ctx, js); err != nil {
		return nil, err
	}
	name := freshName()
	b, err := objectBucket(ctx, js, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dropObjects(context.WithoutCancel(ctx), js, name) }() // if it fails, so does the next run
	payload := stub.Payload(j.Size)
	put := func() error {
		meta := ObjectMeta{Name: objectName, Opts: &ObjectOptions{ChunkSize: uint32(j.Chunk)}}
		_, err := b.Put(ctx, meta, bytes.NewReader(payload))
		return err
	}
	do := put
	if j.Do == job.Get {
		do = func() error { return getObject(ctx, b, j.Size) }
		if err := put(); err != nil {
			return nil, err
		}
	}
	for range j.Warmup {
		if err := do(); err != nil {
			return nil, err
		}
	}
	return timed(j, j.Count, func() error {
		for range j.Count {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
}

// getObject reads the object to its end, where its digest is compared.
func getObject(ctx context.Context, b Objects, size int) error {
	o, err := b.Get(ctx, objectName)
	if err != nil {
		return err
	}
	defer o.Close()
	n, err := io.Copy(io.Discard, o)
	if err == nil && n != int64(size) {
		err = errObject
	}
	return err
}
