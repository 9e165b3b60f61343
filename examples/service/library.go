package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/micro"
)

// userHeader is the header with the name of the requester.
const userHeader = "User"

// library is shared by all desks.
type library struct {
	mu   sync.Mutex
	lent map[string]string // title to reader
}

func newLibrary() *library { return &library{lent: map[string]string{}} }

// wish is a request.
type wish struct {
	Title string `json:"title"`
}

// Validate is called before the handler.
func (w *wish) Validate() error {
	if w.Title == "" {
		return errors.New("title: which one?")
	}
	return nil
}

// slip is a reply.
type slip struct {
	Title string `json:"title"`
	To    string `json:"to"`
}

// open starts an instance on a connection of its own.
func (l *library) open(url, desk string) (*api.Conn, error) {
	nc, err := api.Connect(url, api.Name(desk))
	if err != nil {
		return nil, err
	}
	svc, err := micro.AddService(nc, micro.Config{
		Name: "Library", Version: "1.0.0", Description: "lends books", Metadata: map[string]string{"desk": desk},
		Middleware: []micro.Middleware{known},
	})
	if err != nil {
		nc.Close()
		return nil, err
	}
	schema := micro.WithEndpointSchema(micro.SchemaOf[wish](), micro.SchemaOf[slip]())
	books := svc.AddGroup("books")
	err = errors.Join(
		books.AddEndpoint("lend", micro.JSON(l.lend), schema, micro.WithEndpointConcurrency(4)),
		books.AddEndpoint("return", micro.JSON(l.giveBack), schema),
		nc.Flush(),
	)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// user is the key of the reader's name in contexts.
type user struct{}

// known refuses requesters that do not give their name.
func known(next micro.Func) micro.Func {
	return func(ctx context.Context, req micro.Request) error {
		name := req.Headers().Get(userHeader)
		if name == "" {
			return micro.NewServiceError(micro.CodeUnauthorized, "who are you?")
		}
		return next(context.WithValue(ctx, user{}, name), req)
	}
}

func (l *library) lend(ctx context.Context, w wish) (slip, error) {
	if w.Title == "Necronomicon" {
		panic("it bites")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lent[w.Title] != "" {
		return slip{}, micro.NewServiceErrorCode(409, fmt.Sprintf("%s is lent", w.Title))
	}
	name, _ := ctx.Value(user{}).(string)
	l.lent[w.Title] = name
	return slip{w.Title, name}, nil
}

func (l *library) giveBack(ctx context.Context, w wish) (slip, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name, _ := ctx.Value(user{}).(string); l.lent[w.Title] != name {
		return slip{}, micro.NewServiceErrorCode(409, fmt.Sprintf("%s has no %s", name, w.Title))
	}
	delete(l.lent, w.Title)
	return slip{Title: w.Title}, nil
}
