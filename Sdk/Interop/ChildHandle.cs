using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>
/// An id inside the core that holds its parents: it is released before any of them, in whatever order their owners dispose them.
/// <code>
/// Transfer → ListHandle → RegionHandle → ArenaHandle → AgentHandle
/// </code>
/// </summary>
internal abstract class ChildHandle : SafeHandle
{
    private readonly SafeHandle[] _parents;

    protected ChildHandle(AgentRuntime runtime, ulong id, params SafeHandle[] parents)
        : base(0, ownsHandle: true)
    {
        Runtime = runtime;
        var held = 0;
        try
        {
            for (; held < parents.Length; held++)
            {
                var added = false;
                parents[held].DangerousAddRef(ref added);
            }
        }
        catch (ObjectDisposedException)
        {
            _parents = parents[..held];
            SetHandle((nint)id); // So that Dispose gives the id and the references back.
            Dispose();
            throw;
        }

        _parents = parents;
        SetHandle((nint)id);
    }

    public override bool IsInvalid => handle == 0;

    public ulong Id => (ulong)handle;

    /// <summary>
    /// True once the core has taken the release. Stays false if the core refused it, or if the agent closed first: then the end of the
    /// agent's disposal is what makes it certain (<see cref="NixlAgent.IsClosed"/>).
    /// </summary>
    public bool IsReleased { get; private set; }

    protected AgentRuntime Runtime { get; }

    /// <summary>Marks the id as already released in the core; the next Dispose only lets go of the parents.</summary>
    protected void SetReleased() => IsReleased = true;

    /// <summary>False if the core refused; logs why.</summary>
    protected abstract bool ReleaseInCore(AgentCore core);

    protected override bool ReleaseHandle()
    {
        // Deregistering may wait for a peer's copy; the pump must not.
        if (Runtime.Pump.IsCurrentThread)
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.ReleaseNow(), this, preferLocal: false);
        else
            ReleaseNow();
        return true;
    }

    private void ReleaseNow()
    {
        // Inside the gate the core is alive. Once it is closing, destroying the core releases everything in it.
        if (!IsReleased && Runtime.Gate.TryEnter())
        {
            try
            {
                IsReleased = ReleaseInCore(Runtime.Core);
            }
            finally
            {
                Runtime.Gate.Exit();
            }
        }

        foreach (var parent in _parents)
            parent.DangerousRelease();
    }
}
