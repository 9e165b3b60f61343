package objectstore

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// get.go - reads whole objects.

// Get implements Getter.
func (s *store) Get(ctx context.Context, name string, opts ...GetObjectOpt) (Result, error) {
	r, err := s.get(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *store) get(ctx context.Context, name string, opts []GetObjectOpt) (*object, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	o, err := readGetOptions(opts)
	if err != nil {
		return nil, err
	}
	var from *store
	var info *Info
	bound, cancel := s.bound(ctx)
	defer cancel()
	err = s.patiently(bound, func(ctx context.Context) (err error) {
		from, info, err = s.resolve(ctx, lookup{op: "get", name: name, deleted: o.deleted})
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := readDigest(info.Digest); err != nil && info.Chunks > 0 {
		return nil, from.refused("get", info.Name, ErrInvalidDigestFormat, "")
	}
	return newObject(ctx, from, info, o), nil
}

// GetBytes implements Getter. It allocates for the bytes that come, not for the announced size.
func (s *store) GetBytes(ctx context.Context, name string, opts ...GetObjectOpt) ([]byte, error) {
	r, err := s.get(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // nil
	r.opts.keeps = true
	var all chunks
	if _, err := r.WriteTo(&all); err != nil {
		return nil, err
	}
	return all.bytes(), nil
}

// GetString implements Getter.
func (s *store) GetString(ctx context.Context, name string, opts ...GetObjectOpt) (string, error) {
	data, err := s.GetBytes(ctx, name, opts...)
	return string(data), err
}

// chunks is a writer that keeps what is written to it, without a copy.
type chunks struct {
	all  [][]byte
	size int
}

func (c *chunks) Write(p []byte) (int, error) {
	c.all = append(c.all, p)
	c.size += len(p)
	return len(p), nil
}

// bytes returns all that was written, not nil.
func (c *chunks) bytes() []byte {
	if len(c.all) == 1 {
		return c.all[0]
	}
	data := make([]byte, 0, c.size)
	for _, p := range c.all {
		data = append(data, p...)
	}
	return data
}

// GetFile implements Getter.
func (s *store) GetFile(ctx context.Context, name, file string, opts ...GetObjectOpt) error {
	mode, err := modeOf(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".troupe-*")
	if err != nil {
		return err
	}
	err = s.getInto(ctx, f, name, opts)
	if err == nil {
		err = f.Chmod(mode)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the earlier error says more
	}
	return err
}

func (s *store) getInto(ctx context.Context, w io.Writer, name string, opts []GetObjectOpt) error {
	r, err := s.get(ctx, name, opts)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // nil
	_, err = r.WriteTo(w)
	return err
}

// modeOf returns the permissions for a file: those of the file that it replaces, or only the
// owner's.
func modeOf(file string) (os.FileMode, error) {
	was, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0o600, nil
	case err != nil:
		return 0, err
	case !was.Mode().IsRegular():
		return 0, &os.PathError{Op: "replace", Path: file, Err: os.ErrInvalid}
	}
	return was.Mode().Perm(), nil
}
