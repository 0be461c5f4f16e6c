using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

/// <summary>Placeholder.</summary>
public sealed class FakeTransport
{
    internal AgentCore CreateCore(NixlAgentOptions options, ulong incarnation) => throw new NotImplementedException();
}
