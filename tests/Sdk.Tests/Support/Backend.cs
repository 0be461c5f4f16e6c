namespace Nixl.Sdk.Tests.Support;

/// <summary>What carries the bytes in a test. The suite is the same for all.</summary>
public enum Backend
{
    Fake,
    Loopback,
    Local,
    Fabric,
}

public static class Backends
{
    public static TheoryData<Backend> All => new(Backend.Fake, Backend.Loopback, Backend.Local, Backend.Fabric);

    public static TheoryData<Backend> Native => new(Backend.Loopback, Backend.Local, Backend.Fabric);

    /// <summary>Those that can be told to hang or fail.</summary>
    public static TheoryData<Backend> Faulty => new(Backend.Fake, Backend.Loopback);

    public static NixlTransports Transports(this Backend backend) => backend switch
    {
        Backend.Loopback => NixlTransports.Loopback,
        Backend.Local => NixlTransports.Local,
        Backend.Fabric => NixlTransports.Fabric,
        _ => NixlTransports.All,
    };
}
