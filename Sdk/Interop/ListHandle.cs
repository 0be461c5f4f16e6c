using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>A prepared list; child of the agent and, if local, of the regions that it covers. Transfers hold it.</summary>
internal sealed class ListHandle(AgentRuntime runtime, ulong id, params SafeHandle[] parents) : ChildHandle(runtime, id, parents)
{
    protected override bool ReleaseInCore(AgentCore core)
    {
        var status = core.ReleaseList(Id);
        if (status < 0)
            Runtime.Log.ReleaseFailed("prepared list", Id, status, core.LastError().Text);
        return status >= 0;
    }
}
