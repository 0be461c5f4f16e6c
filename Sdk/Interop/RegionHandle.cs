using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>A registration; child of the agent or of its arena. Local prepared lists hold the regions that they cover.</summary>
internal sealed class RegionHandle(AgentRuntime runtime, ulong id, SafeHandle parent) : ChildHandle(runtime, id, parent)
{
    /// <summary>Deregisters now. On success peers cannot reach the memory through this agent any more.</summary>
    public NixlStatus Deregister(TimeSpan timeout)
    {
        if (IsReleased)
            return NixlStatus.Success;
        var status = Runtime.Core.Deregister(Id, Durations.ToNanoseconds(timeout));
        if (status < 0)
            return status;
        Runtime.Forget(this);
        SetReleased();
        return status;
    }

    protected override bool ReleaseInCore(AgentCore core)
    {
        Runtime.Forget(this);
        var status = core.Deregister(Id, Durations.ToNanoseconds(Runtime.Options.QuiesceGrace));
        if (status >= 0 || status == NixlStatus.NotFound)
            return true; // NotFound: Deregister was faster.
        Runtime.Log.ReleaseFailed("region", Id, status, core.LastError().Text);
        return false;
    }
}
