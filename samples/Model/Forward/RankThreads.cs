using System.Diagnostics;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The threads of a model's ranks. Rank 0 runs on the caller's thread, every other one on a thread of its own, which sleeps between steps.
/// <code>
/// Run ──→ rank 1 … n-1 are woken ──→ all ranks compute ──→ Run waits for the last ──→ returns
///                                         │ one throws
///                                         └─→ onFailure ends the waiting of the others ──→ broken, for good
/// </code>
/// </summary>
internal sealed class RankThreads : IDisposable
{
    private readonly TimeSpan _timeout;
    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _finished = new(0);
    private readonly List<(Thread Thread, SemaphoreSlim Start)> _workers = [];
    private Action<int> _body = _ => { };
    private Action _onFailure = () => { };
    private Exception? _failure;
    private bool _disposed;

    internal RankThreads(int ranks, TimeSpan timeout)
    {
        _timeout = timeout;
        for (var rank = 1; rank < ranks; rank++)
        {
            var (index, start) = (rank, new SemaphoreSlim(0));
            var thread = new Thread(() => Work(index, start)) { IsBackground = true, Name = $"rank {rank}" };
            _workers.Add((thread, start));
            thread.Start();
        }
    }

    /// <summary>Runs <paramref name="body"/> once per rank and waits for all of them; they end each other's waiting by <paramref name="onFailure"/>.</summary>
    /// <exception cref="InvalidOperationException">A rank failed, now or in an earlier step.</exception>
    internal void Run(Action<int> body, Action onFailure)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failure is not null) throw Broken(_failure);
        (_body, _onFailure) = (body, onFailure);
        foreach (var worker in _workers) worker.Start.Release();
        RunRank(0);
        foreach (var worker in _workers)
        {
            if (_finished.Wait(_timeout, _ending.Token)) continue;
            Fail(new TimeoutException($"A rank did not end its step within {_timeout.TotalSeconds} s."));
            break;
        }
        if (_failure is { } failure) throw Broken(failure);
    }

    /// <summary>Whether no rank computes any more; true only after <see cref="Dispose"/>. If not, the memory that they compute on must stay.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>Waits for the ranks, not longer than for a step: <see cref="HasEnded"/> tells whether all have come.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ending.Cancel();
        var began = Stopwatch.GetTimestamp();
        foreach (var (thread, _) in _workers)
        {
            var left = _timeout - Stopwatch.GetElapsedTime(began);
            if (!thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero)) return; // it may still wake up: what it looks at then stays, too
        }
        HasEnded = true;
        foreach (var (_, start) in _workers) start.Dispose();
        _finished.Dispose();
        _ending.Dispose();
    }

    private static InvalidOperationException Broken(Exception cause) => new($"A rank failed: {cause.Message} The runner cannot be used any more.", cause);

    private void Work(int rank, SemaphoreSlim start)
    {
        try
        {
            while (true)
            {
                start.Wait(_ending.Token);
                RunRank(rank);
                _finished.Release();
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // The runner is disposed.
        }
    }

    private void RunRank(int rank)
    {
        try
        {
            _body(rank);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <summary>The first failure is the cause; the others are ranks whose waiting it ended.</summary>
    private void Fail(Exception failure)
    {
        if (Interlocked.CompareExchange(ref _failure, failure, null) is null) _onFailure();
    }
}
