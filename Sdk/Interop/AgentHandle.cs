using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>
/// Lifetime of a core. Children (arenas, regions, lists) hold a reference, so it is freed after them whatever the order of disposal or
/// finalization; <see cref="NixlAgent.DisposeAsync"/> destroys the core first and then the children have nothing left to do.
/// </summary>
internal sealed class AgentHandle : SafeHandle
{
    private readonly AgentCore _core;
    private readonly ulong _graceNs;

    public AgentHandle(AgentCore core, TimeSpan grace)
        : base(0, ownsHandle: true)
    {
        _core = core;
        _graceNs = Durations.ToNanoseconds(grace);
        SetHandle(1);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Idempotent: the core remembers that it was destroyed.</summary>
    protected override bool ReleaseHandle()
    {
        _core.Destroy(_graceNs);
        return true;
    }
}
