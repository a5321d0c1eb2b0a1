package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/core"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	"github.com/cometbft/cometbft/types"
	"github.com/rs/cors"
)

// talkative takes what begins with "ok" and answers with what it was asked.
type talkative struct{ abci.BaseApplication }

func (talkative) CheckTx(_ context.Context, request *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	if bytes.HasPrefix(request.Tx, []byte("ok")) {
		return &abci.ResponseCheckTx{Data: request.Tx}, nil
	}
	return &abci.ResponseCheckTx{Code: 1 << 31, Log: string(request.Tx), Codespace: "<sdk>"}, nil
}

// served is a mempool with an application behind it, and RPC before it.
type served struct {
	rpc     *rpc
	mempool *mempl.CListMempool
}

func newServed(t testing.TB, app abci.Application, change func(*cfg.Config)) *served {
	t.Helper()
	config := cfg.DefaultConfig()
	config.RPC.ListenAddress = "tcp://127.0.0.1:0"
	if change != nil {
		change(config)
	}
	client, _ := pair(t, app)
	mempool := mempl.NewCListMempool(config.Mempool, proxy.NewAppConnMempool(client, proxy.NopMetrics()), 0)
	bus := types.NewEventBus()
	if err := bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Stop() })
	env := &core.Environment{
		Mempool: mempool, EventBus: bus, Config: *config.RPC, Logger: log.NewNopLogger(), GenDoc: &types.GenesisDoc{},
	}
	return &served{
		rpc:     &rpc{env: env, config: *config.RPC, mempool: config.Mempool, logger: log.NewNopLogger()},
		mempool: mempool,
	}
}

// ours serves with our servers, theirs with CometBFT's.
func (s *served) ours(t testing.TB) string {
	t.Helper()
	if err := s.rpc.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.rpc.stop)
	return s.rpc.listeners[0].Addr().String()
}

func (s *served) theirs(t testing.TB) string {
	t.Helper()
	limits := s.rpc.limits(s.rpc.config.MaxOpenConnections)
	limits.MaxRequestBatchSize = s.rpc.config.MaxRequestBatchSize
	listener, err := rpcserver.Listen("tcp://127.0.0.1:0", limits.MaxOpenConnections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var handler http.Handler = s.rpc.routes(limits, s.rpc.logger)
	if s.rpc.config.IsCorsEnabled() {
		handler = cors.New(cors.Options{
			AllowedOrigins: s.rpc.config.CORSAllowedOrigins,
			AllowedMethods: s.rpc.config.CORSAllowedMethods,
			AllowedHeaders: s.rpc.config.CORSAllowedHeaders,
		}).Handler(handler)
	}
	go func() { _ = rpcserver.Serve(listener, handler, s.rpc.logger, limits) }()
	return listener.Addr().String()
}

// What differs between any two answers.
var moment = regexp.MustCompile(`(X-Server-Time|Date): [^\r]*`)

// exchange sends bytes and reads everything until the server closes the connection.
func exchange(t testing.TB, address, request string) string {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	if half, is := connection.(*net.TCPConn); is && strings.Contains(request, "X-Cut") {
		if err := half.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(connection)
	if err != nil {
		t.Fatal(err)
	}
	return moment.ReplaceAllString(string(all), "$1: *")
}

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func ask(id, method, tx string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"%s","params":{"tx":"%s"}}`,
		id, method, base64.StdEncoding.EncodeToString([]byte(tx)))
}

const (
	inSync  = "broadcast_tx_sync"
	inAsync = "broadcast_tx_async"
)

// askAll asks for transactions in one request, with their place as id.
func askAll(method string, txs ...string) string {
	var all []string
	for i, tx := range txs {
		all = append(all, ask(fmt.Sprint(i), method, tx))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestAnswersAreCometBFTsOwn(t *testing.T) {
	ours, theirs := newServed(t, talkative{}, nil), newServed(t, talkative{}, nil)
	here, there := ours.ours(t), theirs.theirs(t)
	one := ask("1", inSync, "ok1")
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("ok many %d", i)
	}
	requests := []string{
		post(one), post(one), post(ask(`"a"`, inSync, "ok2")), post(ask("7", inAsync, "ok3")), post(ask("7", inAsync, "ok3")),
		post(ask("999999999999999", inSync, "bad <&> \u2028 \x01\xff\"\\")), post(ask("0", inSync, "bad")),
		// Batches: of one, with duplicates, valid and not, of both kinds, empty, larger than a chunk, than allowed.
		post("[" + ask("1", inSync, "ok4") + "]"), post(askAll(inSync, "ok5", "ok5", "ok6", "ok5")),
		post(askAll(inSync, "bad", "bad", "ok7", "bad", "ok7")), post(askAll(inAsync, "ok8", "bad2", "ok8")),
		post("[" + ask("1", inAsync, "ok9") + "," + ask(`"x"`, inSync, "ok10") + "]"), post("[]"), post("[ ]"),
		post(askAll(inSync, many...)[:900]), post(askAll(inSync, many[:9]...)), post(askAll(inSync, many[9:19]...)),
		post(askAll(inSync, many...)),
		// Spaces, order of members, unknown, missing and doubled ones.
		post(" \n[\t{ \"params\" : { \"tx\" : \"b2sxMQ==\" } ,\r\"method\":\"broadcast_tx_sync\",\"id\" : 5 , \"jsonrpc\":\"2.0\" } ] \n"),
		post(`{"id":1,"method":"broadcast_tx_sync","params":{"tx":"b2sxMg=="}}`),
		post(`{"jsonrpc":"2.0","method":"broadcast_tx_sync","params":{"tx":"b2sxMw=="}}`),
		post(`{"jsonrpc":"2.0","id":1,"id":2,"method":"broadcast_tx_sync","params":{"tx":"b2sxNA=="}}`),
		post(`{"jsonrpc":"2.0","id":1,"more":2,"method":"broadcast_tx_sync","params":{"tx":"b2sxNQ=="}}`),
		post(`{"jsonrpc":"2.0","ID":1,"METHOD":"broadcast_tx_sync","Params":{"TX":"b2sxNg==","tx":"b2sxNg=="}}`),
		post(`{"jsonrpc":7,"id":1,"method":"broadcast_tx_sync","params":{"tx":"b2sxNw=="}}`),
		post(`{"jsonrpc":"1.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2sxOA=="}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2sxOQ==","more":1}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":["b2syMA=="]}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync"}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":""}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":null}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2sy"}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2s\u0079"}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2s"}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"b2syMR=="}}`),
		post(`{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"*"}}`),
	}
	// Ids of all kinds.
	for i, id := range []string{
		`""`, `"a b"`, `"<"`, `"\n"`, `"é"`, "\"\x7f\"", "-1", "-0", "00", "01", "1.5", "1e2", "1e30", "9007199254740993", "null",
		"true", "{}", "[1]", "12345678901234567890", "1 2",
	} {
		requests = append(requests, post(ask(id, inSync, fmt.Sprintf("ok id %d", i))))
	}
	// Other methods, paths and bodies.
	requests = append(requests,
		post(`{"jsonrpc":"2.0","id":1,"method":"health"}`), post(`{"jsonrpc":"2.0","id":1,"method":"nothing"}`),
		post("["+one+`,{"jsonrpc":"2.0","id":2,"method":"health"}]`), post(one+one), post(one+","), post("{"), post("["),
		post("["+one), post(one[:20]), post("null"), post("x"),
		strings.Replace(post(one), "POST / ", "GET / ", 1), strings.Replace(post(one), "POST / ", "PUT / ", 1),
		strings.Replace(post(ask("1", inSync, "ok query")), "POST / ", "POST /?a=b ", 1),
		strings.Replace(post(one), "POST / ", "POST /status2 ", 1), strings.Replace(post(one), "POST / ", "POST // ", 1),
		"GET /broadcast_tx_sync?tx=\"ok-get\" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nX-Cut: 1\r\nContent-Length: 500\r\n\r\n"+one,
		"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nnull",
		"POST / HTTP/1.0\r\nContent-Length: "+fmt.Sprint(len(one))+"\r\n\r\n"+one,
		post(one)[:0]+strings.Replace(post(ask("3", inSync, "ok keep")), "Connection: close\r\n", "", 1)+post(ask("4", inSync, "ok keep 2")),
	)
	for _, request := range requests {
		want := exchange(t, there, request)
		if got := exchange(t, here, request); got != want {
			t.Errorf("to %.300q\nwe answer   %.600q\nCometBFT is %.600q", request, got, want)
		}
	}
	if ours.mempool.Size() != theirs.mempool.Size() || ours.mempool.Size() < 40 {
		t.Errorf("%d transactions, not %d", ours.mempool.Size(), theirs.mempool.Size())
	}
	sameOrder(t, ours.mempool, theirs.mempool)
	// A body above the limit, of which the server reads a part only.
	long := `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"` + strings.Repeat("b2sy", 250_000) + `"}}`
	got, want := httptest.NewRecorder(), httptest.NewRecorder()
	limits := ours.rpc.limits(0)
	handler := ours.rpc.handler(limits, ours.rpc.logger)
	handler.ServeHTTP(got, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(long)))
	handler.(*broadcaster).next.ServeHTTP(want, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(long)))
	if got.Code != want.Code || got.Code != http.StatusBadRequest || got.Body.String() != want.Body.String() {
		t.Errorf("%d %s, not %d %s", got.Code, got.Body, want.Code, want.Body)
	}
}

func TestOriginsAreToldAsByCometBFT(t *testing.T) {
	change := func(config *cfg.Config) { config.RPC.CORSAllowedOrigins = []string{"https://*.example.com"} }
	ours, theirs := newServed(t, talkative{}, change), newServed(t, talkative{}, change)
	here, there := ours.ours(t), theirs.theirs(t)
	for i, headers := range []string{
		"", "Origin: https://a.example.com\r\n", "Origin: https://example.org\r\n", "Origin: https://example.org\r\nX: y\r\n",
	} {
		for _, method := range []string{"POST", "OPTIONS", "HEAD"} {
			request := strings.Replace(post(ask("1", inSync, fmt.Sprintf("ok %d %s", i, method))), "POST", method, 1)
			request = strings.Replace(request, "Host", headers+"Access-Control-Request-Method: POST\r\nHost", 1)
			want := exchange(t, there, request)
			if got := exchange(t, here, request); got != want {
				t.Errorf("to %q\nwe answer   %q\nCometBFT is %q", request, got, want)
			}
		}
	}
}

func sameOrder(t *testing.T, ours, theirs *mempl.CListMempool) {
	t.Helper()
	one, other := ours.ReapMaxTxs(-1), theirs.ReapMaxTxs(-1)
	if fmt.Sprintf("%x", one) != fmt.Sprintf("%x", other) {
		t.Errorf("transactions in another order:\n%q\n%q", one, other)
	}
}

// Random batches, a mempool that fills up, no cache: each time all answers and what is in the mempool afterwards.
func TestBatchesLeaveTheSameMempool(t *testing.T) {
	for seed := range int64(30) {
		random := rand.New(rand.NewSource(seed))
		change := func(config *cfg.Config) {
			config.RPC.MaxRequestBatchSize = 0
			config.Mempool.Size = 1 + int(seed)*7
			config.Mempool.MaxTxsBytes = 1500
			config.Mempool.MaxTxBytes = 60
			config.Mempool.KeepInvalidTxsInCache = seed%3 == 0
			if seed%2 == 0 {
				config.Mempool.CacheSize = int(seed)
			}
		}
		ours, theirs := newServed(t, talkative{}, change), newServed(t, talkative{}, change)
		here, there := httptest.NewRecorder, httptest.NewRecorder
		limits := ours.rpc.limits(0)
		limits.MaxRequestBatchSize = 0
		ourHandler, theirHandler := ours.rpc.handler(limits, ours.rpc.logger), theirs.rpc.routes(limits, theirs.rpc.logger)
		for range 6 {
			txs := make([]string, 1+random.Intn(30))
			for i := range txs {
				txs[i] = fmt.Sprintf("%s %d %s", []string{"ok", "ok", "bad"}[random.Intn(3)], random.Intn(90),
					strings.Repeat("x", random.Intn(8)*random.Intn(8)))
			}
			body := askAll(inSync, txs...)
			got, want := here(), there()
			ourHandler.ServeHTTP(got, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
			theirHandler.ServeHTTP(want, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
			if got.Body.String() != want.Body.String() {
				t.Fatalf("seed %d: to %s\nwe answer   %s\nCometBFT is %s", seed, body, got.Body, want.Body)
			}
			if !json.Valid(got.Body.Bytes()) {
				t.Fatalf("%s is no JSON", got.Body)
			}
		}
		sameOrder(t, ours.mempool, theirs.mempool)
	}
}

// slow answers when it is told to.
type slow struct {
	abci.BaseApplication
	asked chan struct{}
	open  chan struct{}
}

func (s slow) CheckTx(context.Context, *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	s.asked <- struct{}{}
	<-s.open
	return &abci.ResponseCheckTx{}, nil
}

func TestAClientThatGoesIsNotWaitedFor(t *testing.T) {
	app := slow{asked: make(chan struct{}, 10), open: make(chan struct{})}
	s := newServed(t, app, nil)
	limits := s.rpc.limits(0)
	ctx, leave := context.WithCancel(context.Background())
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(askAll(inSync, "a", "b"))).WithContext(ctx)
	answered := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.rpc.handler(limits, s.rpc.logger).ServeHTTP(answered, request)
	}()
	<-app.asked
	leave()
	<-done
	if !strings.Contains(answered.Body.String(), `"data":"broadcast confirmation not received: context canceled"`) {
		t.Errorf("%s", answered.Body)
	}
	close(app.open)
	// Both were given to the application all the same, and are counted no more when it answers.
	if err := s.mempool.FlushAppConn(); err != nil {
		t.Fatal(err)
	}
	if s.mempool.Size() != 2 {
		t.Errorf("%d transactions", s.mempool.Size())
	}
}

func FuzzParseCalls(f *testing.F) {
	f.Add([]byte(askAll(inSync, "ok1", "ok2")))
	f.Add([]byte(ask(`"x"`, inAsync, "ok3")))
	f.Fuzz(func(t *testing.T, body []byte) {
		calls, ok := parseCalls(body, nil)
		if ok && (len(calls) == 0 || !json.Valid(body)) {
			t.Errorf("%d calls of %q", len(calls), body)
		}
	})
}

func BenchmarkBroadcast(b *testing.B) {
	for _, kind := range []string{"ours", "stock"} {
		b.Run(kind, func(b *testing.B) {
			const txs = 50
			s := newServed(b, talkative{}, func(config *cfg.Config) {
				config.RPC.MaxRequestBatchSize, config.Mempool.Size, config.Mempool.MaxTxsBytes = 0, 1<<30, 1<<40
			})
			limits := s.rpc.limits(0)
			limits.MaxRequestBatchSize = 100
			handler := s.rpc.handler(limits, s.rpc.logger)
			if kind == "stock" {
				handler = handler.(*broadcaster).next
			}
			for i := range b.N {
				b.StopTimer()
				all := make([]string, txs)
				for j := range all {
					all[j] = fmt.Sprintf("ok %0340d", i*txs+j)
				}
				request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(askAll(inSync, all...)))
				b.StartTimer()
				answered := httptest.NewRecorder()
				handler.ServeHTTP(answered, request)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*txs), "ns/tx")
		})
	}
}
