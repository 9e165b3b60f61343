package micro_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/micro"
)

// serve starts a server for the examples.
func serve() (nc *api.Conn, end func()) {
	server, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		panic(err)
	}
	nc, err = api.Connect(server.URL())
	if err != nil {
		panic(err)
	}
	return nc, func() { nc.Close(); server.Shutdown() }
}

// numbers is the request of the examples.
type numbers struct {
	A, B int
}

// A service has endpoints, here one with Go types for requests and responses. Middleware wraps
// all of them.
func ExampleAddService() {
	nc, end := serve()
	defer end()
	logged := func(next micro.Func) micro.Func {
		return func(ctx context.Context, req micro.Request) error {
			err := next(ctx, req)
			fmt.Println("asked", req.Subject(), "with", string(req.Data()), "-", err)
			return err
		}
	}
	svc, err := micro.AddService(nc, micro.Config{Name: "Sums", Version: "1.0.0", Middleware: []micro.Middleware{logged}})
	if err != nil {
		panic(err)
	}
	add := micro.JSON(func(_ context.Context, in numbers) (int, error) { return in.A + in.B, nil })
	if err := svc.AddGroup("sums").AddEndpoint("add", add, micro.WithEndpointSchema(micro.SchemaOf[numbers](), micro.SchemaOf[int]())); err != nil {
		panic(err)
	}
	answer, err := nc.Request("sums.add", []byte(`{"A":1,"B":2}`), 5*time.Second)
	if err != nil {
		panic(err)
	}
	if _, err := svc.StopContext(context.Background()); err != nil { // when the middleware has printed its line
		panic(err)
	}
	fmt.Println("answered", string(answer.Data))
	fmt.Println(svc.Info().Endpoints[0].Metadata[micro.ResponseSchemaKey])
	// Output:
	// asked sums.add with {"A":1,"B":2} - <nil>
	// answered 3
	// {"type":"integer"}
}

// The requester gets what the handler returns: a ServiceError as it is, and any other error
// without its text.
func ExampleFunc() {
	nc, end := serve()
	defer end()
	told := make(chan error, 1)
	_, err := micro.AddService(nc, micro.Config{Name: "Stock", Version: "1.0.0",
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) { told <- err },
		Endpoint: &micro.EndpointConfig{Subject: "stock.take", Handler: micro.Func(func(_ context.Context, req micro.Request) error {
			switch string(req.Data()) {
			case "bread":
				return fmt.Errorf("taking bread: %w", micro.NewServiceError("OUT_OF_STOCK", "no bread today"))
			case "cheese":
				return errors.New("the database is at 10.0.0.1")
			}
			return req.Respond([]byte("taken"))
		})},
	})
	if err != nil {
		panic(err)
	}
	client, err := micro.NewClient(nc)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, what := range []string{"milk", "bread", "cheese"} {
		answer, err := client.Request(ctx, "stock.take", []byte(what))
		switch {
		case errors.Is(err, &micro.ServiceError{Code: "OUT_OF_STOCK"}):
			fmt.Println(what, "is out of stock")
		case errors.Is(err, micro.ErrInternal):
			fmt.Println(what, "gives", err)
		case err == nil:
			fmt.Println(what, "is", string(answer.Data))
		}
	}
	fmt.Println(<-told)
	// Output:
	// milk is taken
	// bread is out of stock
	// cheese gives INTERNAL_ERROR: internal error
	// "stock.take": troupe: handler failed: the database is at 10.0.0.1 (handling stock.take)
}

// A client sends its deadline with a request, asks another instance when one is slow, and
// discovers services.
func ExampleClient() {
	nc, end := serve()
	defer end()
	if _, err := micro.AddService(nc, micro.Config{Name: "Clock", Version: "2.1.0", Endpoint: &micro.EndpointConfig{
		Subject: "clock", Handler: micro.Func(func(ctx context.Context, req micro.Request) error {
			_, limited := ctx.Deadline()
			return req.RespondJSON(limited)
		})}}); err != nil {
		panic(err)
	}
	client, err := micro.NewClient(nc)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := client.Request(ctx, "clock", nil, micro.Hedge(time.Second, 1))
	if err != nil {
		panic(err)
	}
	fmt.Println("the handler knows the deadline:", string(answer.Data))
	services, err := client.Info(ctx, "Clock", "")
	if err != nil {
		panic(err)
	}
	for _, s := range services {
		fmt.Println(s.Name, s.Version, s.Endpoints[0].Subject)
	}
	// Output:
	// the handler knows the deadline: true
	// Clock 2.1.0 clock
}

// A service that is stopped answers the requests that have come, within a time limit.
func ExampleService_stopContext() {
	nc, end := serve()
	defer end()
	begun := make(chan struct{})
	svc, err := micro.AddService(nc, micro.Config{Name: "Slow", Version: "1.0.0", Endpoint: &micro.EndpointConfig{
		Subject: "slow", Handler: micro.HandlerFunc(func(req micro.Request) {
			close(begun)
			<-time.After(50 * time.Millisecond) // it takes its time
			_ = req.Respond([]byte("done"))
		})}})
	if err != nil {
		panic(err)
	}
	answers := make(chan *api.Msg, 1)
	if _, err := nc.ChanSubscribe("answers", answers); err != nil {
		panic(err)
	}
	if err := nc.PublishRequest("slow", "answers", nil); err != nil {
		panic(err)
	}
	<-begun
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	report, err := svc.StopContext(ctx)
	fmt.Println(report, err)
	fmt.Println(string((<-answers).Data))
	// Output:
	// nothing is left <nil>
	// done
}
