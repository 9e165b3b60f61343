package main

import (
	"context"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// vault is a server with buckets, which is killed and cut off while they are in use.
type vault struct {
	server *natsserver.Server
	events *journal // of the connection
	nc     *api.Conn
	js     jetstream.JetStream
}

// open starts the server.
func (v *vault) open() error {
	var err error
	if v.server, err = natsserver.Start(natsserver.Options{Name: "vault", JetStream: true}); err != nil {
		return err
	}
	if v.nc, err = api.Connect(v.server.URL(), api.Name("troupe quickstart"), api.OnEvent(v.events.add)); err != nil {
		return err
	}
	v.js, err = jetstream.New(v.nc)
	return err
}

// close ends the connection and the server.
func (v *vault) close(ctx context.Context) error {
	var err error
	if v.nc != nil {
		_, err = v.nc.CloseContext(ctx)
	}
	if v.server != nil {
		v.server.Shutdown()
	}
	return err
}

// kill kills the server, and starts it again once the connection has noticed. The channel
// gets the error, or nil.
func (v *vault) kill(ctx context.Context) <-chan error {
	since, again := v.events.now(), make(chan error, 1)
	v.server.Kill()
	go func() {
		_, err := v.events.await(ctx, api.LinkLost, since)
		if err == nil {
			err = v.server.Restart()
		}
		again <- err
	}()
	return again
}

// cut cuts the connection, once there is a link, and waits until the connection has
// noticed. One that is cut while it shakes hands loses no link: that attempt fails.
func (v *vault) cut(ctx context.Context) error {
	for {
		since := v.events.now()
		n, err := v.server.KickAll()
		if err != nil {
			return err
		}
		if n > 0 {
			return v.events.awaitOne(ctx, since, api.LinkLost, api.ConnectAttemptFailed)
		}
		if _, err := v.events.await(ctx, api.LinkRestored, since); err != nil {
			return err
		}
	}
}
