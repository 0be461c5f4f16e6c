using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <content>Posts that end inside their call: no events, no place in the table.</content>
internal sealed partial class OperationSlot
{
    /// <summary>
    /// Idle → Posting, for a post that ends inside its call (or was not made): no event comes, so the slot needs no place in the table.
    /// Inside the gate. Followed by <see cref="EndNow"/> or <see cref="AbortNow"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">REPOST_ACTIVE: it is still running.</exception>
    public void BeginNow(CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        lock (_sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, _owner);
            if (_phase != Phase.Idle)
                ThrowActive();
            if (_sourceUsed)
            {
                _source.Reset(); // The last outcome was never awaited; its ValueTask becomes invalid.
                _sourceUsed = false;
            }

            _hasOutcome = false;
            _operation = 0;
            _phase = Phase.Posting;
        }
    }

    /// <summary>Posting → Idle: it has succeeded, and the transport is done with the buffers.</summary>
    public TransferResult EndNow(in NativeEvent done)
    {
        _ = DescribeOutcome(done);
        LeaveNow(true);
        return ToResult(done);
    }

    /// <summary>Posting → Idle: nothing was posted.</summary>
    public void AbortNow() => LeaveNow(false);

    private void LeaveNow(bool succeeded)
    {
        bool release;
        lock (_sync)
        {
            _phase = Phase.Idle;
            _hasOutcome = succeeded;
            _outcome.Status = 0;
            _whenQuiesced?.SetResult();
            _whenQuiesced = null;
            release = _disposed;
        }

        if (release)
            Release();
    }
}
