package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/abci/server"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/service"
)

// CometBFT's own server with its key-value store, and our client.
func pair(t testing.TB, app abci.Application) (*client, service.Service) {
	t.Helper()
	address := "unix://" + filepath.Join(t.TempDir(), "abci.sock")
	served, err := server.NewServer(address, "socket", app)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(address)
	// It waits until somebody listens.
	started := make(chan error, 1)
	go func() { started <- c.Start() }()
	if err := served.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Stop()
		_ = served.Stop()
	})
	return c, served
}

func TestAnswersComeToWhoAsked(t *testing.T) {
	c, _ := pair(t, kvstore.NewInMemoryApplication())
	var all atomic.Int64
	c.SetResponseCallback(func(request *abci.Request, _ *abci.Response) {
		if _, check := request.Value.(*abci.Request_CheckTx); check {
			all.Add(1)
		}
	})
	const callers, each = 16, 500
	var group sync.WaitGroup
	for caller := range callers {
		group.Add(1)
		go func() {
			defer group.Done()
			var order []int
			for i := range each {
				// The key-value store takes pairs only.
				tx, code := fmt.Sprintf("%d-%d=x", caller, i), kvstore.CodeTypeOK
				if i%3 == 0 {
					tx, code = fmt.Sprintf("%d-%d", caller, i), kvstore.CodeTypeInvalidTxFormat
				}
				asked, err := c.CheckTxAsync(context.Background(), &abci.RequestCheckTx{Tx: []byte(tx)})
				if err != nil {
					t.Error(err)
					return
				}
				asked.SetCallback(func(response *abci.Response) {
					if got := response.GetCheckTx().Code; got != code {
						t.Errorf("%s: code %d, not %d", tx, got, code)
					}
					order = append(order, i)
				})
				if i%50 == 0 {
					message := fmt.Sprintf("%d/%d", caller, i)
					if echo, err := c.Echo(context.Background(), message); err != nil || echo.Message != message {
						t.Errorf("echo %v, error %v", echo, err)
					}
				}
			}
			if err := c.Flush(context.Background()); err != nil {
				t.Error(err)
			}
			for i, got := range order {
				if i != got {
					t.Errorf("answer %d came as number %d", got, i)
				}
			}
			if len(order) != each {
				t.Errorf("%d answers to %d requests", len(order), each)
			}
		}()
	}
	group.Wait()
	if all.Load() != callers*each {
		t.Errorf("%d of %d answers were told to the listener", all.Load(), callers*each)
	}
}

func TestABlockIsExecuted(t *testing.T) {
	c, _ := pair(t, kvstore.NewInMemoryApplication())
	ctx := context.Background()
	if _, err := c.InitChain(ctx, &abci.RequestInitChain{ChainId: "c", InitialHeight: 1}); err != nil {
		t.Fatal(err)
	}
	// Larger than what may wait for the writer.
	var txs [][]byte
	for i := range 100 {
		txs = append(txs, fmt.Appendf(nil, "%d=%0100000d", i, i))
	}
	done, err := c.FinalizeBlock(ctx, &abci.RequestFinalizeBlock{Height: 1, Txs: txs})
	if err != nil || len(done.TxResults) != len(txs) {
		t.Fatalf("%d results, error %v", len(done.GetTxResults()), err)
	}
	if _, err := c.Commit(ctx, &abci.RequestCommit{}); err != nil {
		t.Fatal(err)
	}
	info, err := c.Info(ctx, &abci.RequestInfo{})
	if err != nil || info.LastBlockHeight != 1 {
		t.Fatalf("%v, error %v", info, err)
	}
	found, err := c.Query(ctx, &abci.RequestQuery{Path: "/store", Data: []byte("7")})
	if err != nil || len(found.Value) != 100_000 {
		t.Fatalf("a value of %d bytes, error %v", len(found.GetValue()), err)
	}
}

// stuck never answers a query.
type stuck struct {
	abci.BaseApplication
	asked chan struct{}
}

func (s stuck) Query(context.Context, *abci.RequestQuery) (*abci.ResponseQuery, error) {
	close(s.asked)
	select {}
}

func TestWhoeverWaitsIsToldOfTheEnd(t *testing.T) {
	app := stuck{asked: make(chan struct{})}
	c, served := pair(t, app)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Query(context.Background(), &abci.RequestQuery{})
		failed <- err
	}()
	<-app.asked
	if err := served.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("the query has an answer")
		}
	case <-time.After(time.Minute):
		t.Fatal("the query waits on")
	}
	<-c.Quit()
	if c.Error() == nil {
		t.Error("no error is kept")
	}
	if _, err := c.CheckTxAsync(context.Background(), &abci.RequestCheckTx{}); err == nil {
		t.Error("a request is taken after the end")
	}
}

// failing answers with an exception.
type failing struct{ abci.BaseApplication }

func (failing) Query(context.Context, *abci.RequestQuery) (*abci.ResponseQuery, error) {
	return nil, fmt.Errorf("no such thing")
}

func TestAnExceptionEndsTheConnection(t *testing.T) {
	c, _ := pair(t, failing{})
	_, err := c.Query(context.Background(), &abci.RequestQuery{})
	if err == nil || err.Error() != "no such thing" {
		t.Errorf("error %v", err)
	}
	<-c.Quit()
}

func TestOnlyTheFittingAnswerFits(t *testing.T) {
	echo := abci.ToResponseEcho("")
	if !fits(abci.ToRequestEcho(""), echo) || fits(abci.ToRequestFlush(), echo) ||
		fits(abci.ToRequestCheckTx(&abci.RequestCheckTx{}), echo) || fits(abci.ToRequestEcho(""), &abci.Response{}) {
		t.Error("an answer fits another request")
	}
}
