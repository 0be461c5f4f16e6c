namespace Nixl.Sdk.Interop;

/// <summary>An arena; child of the agent.</summary>
internal sealed class ArenaHandle(AgentRuntime runtime, ulong id) : ChildHandle(runtime, id, runtime.Handle)
{
    protected override bool ReleaseInCore(AgentCore core)
    {
        var status = core.DestroyArena(Id);
        if (status < 0)
            Runtime.Log.ReleaseFailed("arena", Id, status, core.LastError().Text);
        return status >= 0;
    }
}
