package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/mock"
	protomem "github.com/cometbft/cometbft/proto/tendermint/mempool"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
)

// counted notes how many transactions and bytes the messages had that came.
type counted struct {
	p2p.Reactor
	mutex    sync.Mutex
	messages []came
}

type came struct{ txs, bytes int }

func (c *counted) Receive(envelope p2p.Envelope) {
	message := envelope.Message.(*protomem.Txs)
	c.mutex.Lock()
	c.messages = append(c.messages, came{len(message.Txs), message.Size()})
	c.mutex.Unlock()
	c.Reactor.Receive(envelope)
}

// ready is what the consensus reactor knows of a peer.
type ready struct{}

func (ready) GetHeight() int64 { return 1 << 40 }

type gossiping struct {
	mempool *mempl.CListMempool
	reactor *counted
}

func newGossiping(t testing.TB, kind string, config *cfg.MempoolConfig) *gossiping {
	client, _ := pair(t, abci.NewBaseApplication())
	mempool := mempl.NewCListMempool(config, proxy.NewAppConnMempool(client, proxy.NopMetrics()), 0)
	stock := mempl.NewReactor(config, mempool)
	stock.SetLogger(log.NewNopLogger())
	var reactor p2p.Reactor = stock
	if kind == "ours" {
		reactor = newGossip(stock, config)
	}
	return &gossiping{mempool, &counted{Reactor: reactor}}
}

// connected are nodes of these kinds, each connected with each.
func connected(t testing.TB, config *cfg.MempoolConfig, kinds ...string) (nodes []*gossiping) {
	for _, kind := range kinds {
		nodes = append(nodes, newGossiping(t, kind, config))
	}
	switches := p2p.MakeConnectedSwitches(cfg.DefaultP2PConfig(), len(kinds), func(i int, s *p2p.Switch) *p2p.Switch {
		s.SetLogger(log.NewNopLogger())
		s.AddReactor(mempoolReactor, nodes[i].reactor)
		return s
	}, p2p.Connect2Switches)
	for _, each := range switches {
		for _, peer := range each.Peers().List() {
			peer.Set(types.PeerStateKey, ready{})
		}
		t.Cleanup(func() { _ = each.Stop() })
	}
	return nodes
}

// give puts transactions into a mempool.
func give(t testing.TB, mempool *mempl.CListMempool, txs []types.Tx) {
	t.Helper()
	for _, tx := range txs {
		if err := mempool.CheckTx(tx, nil, mempl.TxInfo{}); err != nil {
			t.Fatal(err)
		}
	}
}

func awaitSize(t testing.TB, mempool *mempl.CListMempool, size int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); mempool.Size() != size; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d transactions", mempool.Size(), size)
		}
	}
}

// mixed are transactions of all sizes, some larger than a message.
func mixed(random *rand.Rand, count, largest int) (txs []types.Tx) {
	for i := range count {
		size := 12 + random.IntN(500)
		if random.IntN(20) == 0 {
			size = 12 + random.IntN(largest-11)
		}
		tx := append([]byte(fmt.Sprintf("%011d ", i)), make([]byte, size-12)...)
		txs = append(txs, tx)
	}
	return txs
}

func TestTransactionsReachPeersInOrder(t *testing.T) {
	for _, kinds := range [][]string{{"ours", "ours"}, {"ours", "stock"}, {"stock", "ours"}} {
		for _, largest := range []int{3 << 10, 40 << 10} {
			t.Run(fmt.Sprintf("%s to %s, %d", kinds[0], kinds[1], largest), func(t *testing.T) {
				config := cfg.DefaultMempoolConfig()
				config.MaxTxBytes = largest
				nodes := connected(t, config, kinds...)
				txs := mixed(rand.New(rand.NewPCG(1, uint64(largest))), 3000, largest)
				give(t, nodes[0].mempool, txs)
				awaitSize(t, nodes[1].mempool, len(txs))
				sameOrder(t, nodes[0].mempool, nodes[1].mempool)
				messages := nodes[1].reactor.messages
				for _, message := range messages {
					if message.txs > 1 && message.bytes > min(messageBytes, largest) {
						t.Fatalf("a message of %d transactions and %d bytes", message.txs, message.bytes)
					}
				}
				if kinds[0] == "ours" && len(messages) > len(txs)/2 {
					t.Fatalf("%d transactions in %d messages", len(txs), len(messages))
				}
				if kinds[0] == "stock" && len(messages) != len(txs) {
					t.Fatalf("%d transactions in %d messages of CometBFT's own", len(txs), len(messages))
				}
				if back := len(nodes[0].reactor.messages); back != 0 {
					t.Fatalf("%d messages went back to where they came from", back)
				}
			})
		}
	}
}

func TestMixedNodesHaveTheSameTransactions(t *testing.T) {
	nodes := connected(t, cfg.DefaultMempoolConfig(), "ours", "stock", "ours", "stock")
	var wait sync.WaitGroup
	for i, node := range nodes {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for j := range 1000 {
				tx := types.Tx(fmt.Sprintf("%d of node %d", j, i))
				if err := node.mempool.CheckTx(tx, nil, mempl.TxInfo{}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
	for i, node := range nodes {
		awaitSize(t, node.mempool, 4000)
		seen := map[types.TxKey]bool{}
		for _, tx := range node.mempool.ReapMaxTxs(-1) {
			seen[tx.Key()] = true
		}
		for from := range nodes {
			for j := range 1000 {
				if tx := types.Tx(fmt.Sprintf("%d of node %d", j, from)); !seen[tx.Key()] {
					t.Fatalf("node %d lacks %s", i, tx)
				}
			}
		}
	}
}

// scripted is a peer that takes a message when told to.
type scripted struct {
	*mock.Peer
	take chan bool
	got  [][][]byte
}

func (s *scripted) Send(envelope p2p.Envelope) bool {
	select {
	case taken := <-s.take:
		if taken {
			s.got = append(s.got, envelope.Message.(*protomem.Txs).Txs)
		}
		return taken
	case <-s.Quit():
		return false
	}
}

func newScripted(t *testing.T) (*scripted, *outbox) {
	peer := &scripted{Peer: mock.NewPeer(net.IPv4(127, 0, 0, 1)), take: make(chan bool)}
	t.Cleanup(func() { _ = peer.Stop() })
	return peer, newOutbox(peer, messageBytes)
}

func single(i int) p2p.Envelope {
	return p2p.Envelope{
		ChannelID: mempl.MempoolChannel, Message: &protomem.Txs{Txs: [][]byte{fmt.Appendf(nil, "%300d", i)}},
	}
}

func TestASlowPeerHoldsUpTheSenderAndLosesNothing(t *testing.T) {
	peer, box := newScripted(t)
	const count = 10 * messageTxs
	sent := make(chan int, count)
	ended := make(chan struct{})
	go func() { box.empty(); close(ended) }()
	go func() {
		for i := range count {
			if !box.Send(single(i)) {
				return
			}
			sent <- i
		}
		close(sent)
	}()
	// What the peer took, what is on its way and what waits: no more is accepted, however long it takes.
	accepted, taken := 0, 0
	for tries := 0; taken < count; tries++ {
		peer.take <- tries%3 == 2
		if tries%3 == 2 {
			taken += len(peer.got[len(peer.got)-1])
		}
		for more := true; more; {
			select {
			case _, open := <-sent:
				more = open
				if open {
					accepted++
				}
			default:
				more = false
			}
		}
		if accepted > taken+messageTxs+messageBytes/300+2 {
			t.Fatalf("%d accepted while the peer has %d", accepted, taken)
		}
	}
	next := 0
	for _, message := range peer.got {
		for _, tx := range message {
			if string(tx) != fmt.Sprintf("%300d", next) {
				t.Fatalf("%s instead of %d", tx, next)
			}
			next++
		}
	}
	if next != count {
		t.Fatalf("%d of %d", next, count)
	}
	_ = peer.Stop()
	<-ended
}

func TestNobodyWaitsForAPeerThatIsGone(t *testing.T) {
	peer, box := newScripted(t)
	ended := make(chan struct{})
	go func() { box.empty(); close(ended) }()
	refused := make(chan struct{})
	go func() {
		for i := 0; box.Send(single(i)); i++ {
		}
		close(refused)
	}()
	_ = peer.Stop()
	<-refused
	<-ended
}

func BenchmarkGossip(b *testing.B) {
	for _, kind := range []string{"ours", "stock"} {
		b.Run(kind, func(b *testing.B) {
			config := cfg.DefaultMempoolConfig()
			config.Size = b.N + 1
			config.MaxTxsBytes = 1 << 40
			nodes := connected(b, config, kind, kind)
			txs := make([]types.Tx, b.N)
			for i := range txs {
				txs[i] = fmt.Appendf(make([]byte, 290, 310), "%d", i)
			}
			b.ResetTimer()
			give(b, nodes[0].mempool, txs)
			awaitSize(b, nodes[1].mempool, len(txs))
		})
	}
}
