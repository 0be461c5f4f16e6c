using System.Diagnostics;
using System.Threading.Channels;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Writes a prompt's blocks to the decode engine while the prompt is computed: a layer of the complete blocks of a chunk as soon as a rank has
/// stored them.
/// <code>
/// rank's thread ──Stored (a note)──→ queue ──→ RunAsync: WRITE of the layer's new complete blocks, to every push of the rank
/// </code>
/// Notes may come before anybody has asked for the prompt.
/// </summary>
/// <param name="ranks">Own ranks.</param>
/// <param name="layers">Of the model.</param>
/// <param name="promptTokens">Tokens of the prompt.</param>
/// <param name="blockTokens">Tokens of a block.</param>
/// <param name="counters">Of the engine.</param>
internal sealed class PrefillWriter(int ranks, int layers, int promptTokens, int blockTokens, EngineCounters counters)
{
    private readonly Channel<(int Rank, int Layer, int Positions)> _stored =
        Channel.CreateUnbounded<(int, int, int)>(new UnboundedChannelOptions { SingleReader = true });

    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int[,] _written = new int[ranks, layers]; // blocks
    private readonly List<Task> _writes = [];
    private int _moving; // on their way
    private long _movingSince;
    private long _first;
    private long _last;

    /// <summary>Timestamp of the prompt's last step; 0 before. Tells which WRITEs had something to hide behind.</summary>
    internal long ComputedAt { get; set; }

    /// <summary>From the first WRITE's post to the last one's success, and what of it came after the last step.</summary>
    internal (TimeSpan Whole, TimeSpan Exposed) Times => _last == 0
        ? default
        : (Stopwatch.GetElapsedTime(_first, _last), _last > ComputedAt ? Stopwatch.GetElapsedTime(Math.Max(_first, ComputedAt), _last) : TimeSpan.Zero);

    /// <summary>How long at least one WRITE was on its way.</summary>
    internal TimeSpan Moving { get; private set; }

    /// <summary>So many positions of a layer are in a rank's cache. From any thread, at once back.</summary>
    internal void Stored(int rank, int layer, int positions) => _stored.Writer.TryWrite((rank, layer, positions));

    /// <summary>Writes until every layer of every block has been written, or until a WRITE fails: the rest need not be computed then.</summary>
    /// <param name="pushes">Of each own rank, those that ask it.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="NixlException">A WRITE failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    internal async Task RunAsync(ILookup<int, KvPush> pushes, CancellationToken cancellation) =>
        await await Task.WhenAny(WriteAllAsync(pushes, cancellation), _failed.Task);

    private async Task WriteAllAsync(ILookup<int, KvPush> pushes, CancellationToken cancellation)
    {
        var blocks = BlocksOf(promptTokens);
        for (var open = ranks * layers; open > 0;)
        {
            var (rank, layer, positions) = await _stored.Reader.ReadAsync(cancellation);
            var (from, to) = (_written[rank, layer], BlocksOf(positions));
            if (to <= from) continue;
            _written[rank, layer] = to;
            if (to == blocks) open--;
            foreach (var push in pushes[rank]) _writes.Add(WriteAsync(push, layer, from, to - from, cancellation));
        }
        await Task.WhenAll(_writes);
    }

    /// <summary>Complete blocks; a last one that is not full is complete with the prompt.</summary>
    private int BlocksOf(int positions) => positions == promptTokens ? (positions + blockTokens - 1) / blockTokens : positions / blockTokens;

    private void Begin()
    {
        lock (_writes)
        {
            var now = Stopwatch.GetTimestamp();
            if (_first == 0) _first = now;
            if (_moving++ == 0) _movingSince = now;
        }
    }

    private void End()
    {
        lock (_writes)
        {
            _last = Stopwatch.GetTimestamp();
            if (--_moving == 0) Moving += Stopwatch.GetElapsedTime(_movingSince, _last);
        }
    }

    private async Task WriteAsync(KvPush push, int layer, int first, int count, CancellationToken cancellation)
    {
        if (first + count <= push.FirstWanted() || push.IsFullHit) return; // cached over there
        EngineCounters.Add(ref counters.Writes);
        if (ComputedAt == 0) EngineCounters.Add(ref counters.WritesWhileComputing);
        Begin();
        try
        {
            await push.WriteLayerBlocksAsync(0, layer, first, count, cancellation);
        }
        catch (Exception e)
        {
            _failed.TrySetException(e);
            throw;
        }
        finally
        {
            End();
        }
    }
}
