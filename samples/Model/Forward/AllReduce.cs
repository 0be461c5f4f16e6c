using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The sum that ends a row-parallel matrix product. The columns are cut into the same groups whatever the number of ranks
/// (<see cref="LlamaConfig.ReduceGroups"/>); each group's partial product is written by the rank that has its columns, and every rank adds up
/// all groups in their order. So the bits do not depend on how many ranks there are.
/// </summary>
/// <remarks>
/// Two sets of partial products, for attention and feed-forward, in turns: a rank that writes into one of them has passed the other's
/// barrier, which no rank reaches before it has read the first.
/// </remarks>
internal sealed class AllReduce : IDisposable
{
    private readonly Matrix[][] _partials;
    private readonly Barrier? _barrier;
    private readonly TimeSpan _timeout;
    private readonly CancellationTokenSource _failed = new();

    internal AllReduce(LlamaConfig config, int ranks, int maxTokens, TimeSpan timeout)
    {
        Groups = config.ReduceGroups;
        GroupsPerRank = Groups / ranks;
        _timeout = timeout;
        _barrier = ranks > 1 ? new Barrier(ranks) : null;
        _partials = [.. Enumerable.Range(0, 2).Select(_ => Enumerable.Range(0, Groups).Select(_ => new Matrix(maxTokens, config.HiddenSize)).ToArray())];
    }

    /// <summary>Groups of columns, whatever the number of ranks.</summary>
    internal int Groups { get; }

    /// <summary>How many of them a rank has.</summary>
    internal int GroupsPerRank { get; }

    /// <summary>Where the partial product of a group goes, before <see cref="AddTo"/>.</summary>
    internal MatrixView Partial(ReduceStage stage, int group, int count) => _partials[(int)stage][group].RowsOf(0, count);

    /// <summary>Waits until every rank has written its partial products, and adds their sum to this rank's copy of the residual stream.</summary>
    /// <exception cref="OperationCanceledException">Another rank failed.</exception>
    /// <exception cref="TimeoutException">Another rank did not come.</exception>
    internal void AddTo(Matrix x, ReduceStage stage, int count)
    {
        if (_barrier is not null && !_barrier.SignalAndWait(_timeout, _failed.Token))
            throw new TimeoutException($"A rank did not reach the all-reduce within {_timeout.TotalSeconds} s.");
        var partials = _partials[(int)stage];
        for (var t = 0; t < count; t++) AddGroups(partials, t, x.Row(t));
    }

    /// <summary>Ends the waiting of all ranks, for good: one of them failed.</summary>
    internal void Cancel() => _failed.Cancel();

    /// <summary>x += ((group 0 + group 1) + group 2) + …; element by element, so that vectors change nothing.</summary>
    private static void AddGroups(Matrix[] partials, int t, Span<float> x)
    {
        ref var target = ref MemoryMarshal.GetReference(x);
        var i = 0;
        for (; i <= x.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var sum = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(partials[0].Row(t)), (nuint)i);
            for (var group = 1; group < partials.Length; group++)
                sum += Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(partials[group].Row(t)), (nuint)i);
            (Vector256.LoadUnsafe(ref target, (nuint)i) + sum).StoreUnsafe(ref target, (nuint)i);
        }
        for (; i < x.Length; i++)
        {
            var sum = partials[0].Row(t)[i];
            for (var group = 1; group < partials.Length; group++) sum += partials[group].Row(t)[i];
            x[i] += sum;
        }
    }

    public void Dispose()
    {
        foreach (var partial in _partials.SelectMany(set => set)) partial.Dispose();
        _barrier?.Dispose();
        _failed.Dispose();
    }
}

/// <summary>Which of a layer's two sums.</summary>
internal enum ReduceStage
{
    /// <summary>The attention's output product.</summary>
    Attention,

    /// <summary>The feed-forward's down product.</summary>
    FeedForward,
}
