using System.Diagnostics;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// Guesses for one verifier, one sequence at a time. A round is one WRITE: the blocks whose keys and values are new go into the verifier's
/// memory, the candidates are the payload of the notification that follows them.
/// </summary>
internal sealed class DraftEngine : IAsyncDisposable
{
    private readonly NixlAgent _agent;
    private readonly KvPool<KjvDraftKv> _pool;
    private readonly LlamaRunner _runner;
    private readonly BlockPool _blocks;
    private readonly RemoteAgent _verifier;
    private readonly RemoteKvPool<KjvDraftKv> _theirs;
    private readonly TimeSpan _timeout;
    private readonly Func<IDrafter, IDrafter> _wrap;
    private DraftSequence? _sequence;

    private DraftEngine(
        NixlAgent agent, KvPool<KjvDraftKv> pool, DraftModel model, RemoteAgent verifier, RemoteKvPool<KjvDraftKv> theirs, int seed, TimeSpan timeout, Func<IDrafter, IDrafter> wrap)
    {
        (_agent, _pool, _verifier, _theirs, _timeout, _wrap) = (agent, pool, verifier, theirs, timeout, wrap);
        _runner = model.CreateRunner(pool);
        _blocks = new BlockPool((int)pool.Blocks);
        BlockOrder.Shuffle(_blocks, seed);
    }

    /// <summary>Blocks that no sequence has.</summary>
    internal int FreeBlocks => _blocks.Snapshot().Free;

    /// <summary>Connects to the verifier, compares layout and model with it, and says hello.</summary>
    /// <param name="agent">This engine's agent; nobody else reads its notifications.</param>
    /// <param name="model">The draft model; the caller's.</param>
    /// <param name="verifier">The verifier's metadata.</param>
    /// <param name="blocks">Blocks of this engine's pool.</param>
    /// <param name="seed">Decides in which order blocks are handed out.</param>
    /// <param name="timeout">Deadline of every wait and transfer.</param>
    /// <param name="wrap">For tests: guesses otherwise.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="LayoutMismatchException">The verifier has another draft model, or another layout.</exception>
    internal static async Task<DraftEngine> ConnectAsync(
        NixlAgent agent, DraftModel model, ReadOnlyMemory<byte> verifier, int blocks, int seed, TimeSpan timeout, Func<IDrafter, IDrafter>? wrap, CancellationToken cancellation)
    {
        var pool = model.CreatePool(agent, blocks);
        try
        {
            var remote = await agent.ConnectAsync(verifier, new ConnectOptions { Timeout = timeout }, cancellation);
            var theirs = pool.Connect(remote);
            await agent.NotifyAsync(remote, new HelloMessage(agent.ExportMetadata()).ToBytes(), timeout, cancellation);
            return new DraftEngine(agent, pool, model, remote, theirs, seed, timeout, wrap ?? (drafter => drafter));
        }
        catch
        {
            pool.Dispose();
            throw;
        }
    }

    /// <summary>Serves the verifier until cancelled.</summary>
    /// <exception cref="NixlException">The verifier is gone.</exception>
    /// <exception cref="InvalidDataException">The verifier said what makes no sense.</exception>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var notification in _agent.ReadNotificationsAsync(cancellation))
        {
            if (notification.Sender != _verifier.Name) continue;
            switch (SpeculationMessage.Parse(notification.Payload.Span))
            {
                case BeginMessage begin:
                    await BeginAsync(begin, cancellation);
                    break;
                case VerdictMessage verdict when verdict.Sequence == _sequence?.Number:
                    _sequence.Take(verdict);
                    await ProposeAsync(_sequence, verdict.K, cancellation);
                    break;
                case EndMessage end when end.Sequence == _sequence?.Number:
                    GiveUp();
                    await _agent.NotifyAsync(_verifier, new EndedMessage(end.Sequence).ToBytes(), _timeout, cancellation);
                    break;
                case var other:
                    throw new InvalidDataException($"The verifier sent {other.GetType().Name} out of turn.");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _theirs.DisposeAsync();
        _runner.Dispose();
        _pool.Dispose();
    }

    private async Task BeginAsync(BeginMessage begin, CancellationToken cancellation)
    {
        if (_sequence is not null) throw new InvalidDataException($"The verifier began sequence {begin.Sequence} and has not ended {_sequence.Number}.");
        if (begin.Tokens is not { Length: > 0 } || begin.Blocks is not { Length: > 0 } || begin.K < 1) throw new InvalidDataException("The verifier began a sequence without tokens or blocks.");
        var blocks = _blocks.TryReserve(begin.Blocks.Length)
            ?? throw new InvalidDataException($"Sequence {begin.Sequence} needs {begin.Blocks.Length} blocks and {FreeBlocks} are free; start the draft engine with more --blocks.");
        _sequence = new DraftSequence(begin, blocks, _wrap(new Drafter(_runner, blocks.Blocks.ToArray(), new CachedTokens())));
        await ProposeAsync(_sequence, begin.K, cancellation);
    }

    private async Task ProposeAsync(DraftSequence sequence, int k, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var (proposal, first, count) = sequence.Propose(k, KjvDraftKv.BlockTokens, clock);
        // Nobody else writes these blocks and no earlier round is on its way: it was answered, so it had arrived.
        await _theirs.WriteBlocksAsync(
            0, sequence.Table.AsSpan(first, count), sequence.Begin.Blocks.AsSpan(first, count),
            new PostOptions { Notification = proposal.ToBytes(), LeaseToken = sequence.Begin.Token, Timeout = _timeout }, cancellation);
    }

    private void GiveUp()
    {
        _sequence!.Dispose();
        _sequence = null;
    }
}
