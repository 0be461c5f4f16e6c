namespace Nixl.Sdk.Interop;

/// <summary>What a transfer holds: its two lists, until it is disposed and quiesced. Has nothing of its own in the core.</summary>
internal sealed class TransferHandle(AgentRuntime runtime, ListHandle local, ListHandle remote)
    : ChildHandle(runtime, 1, local, remote)
{
    protected override bool ReleaseInCore(AgentCore core) => true;
}
