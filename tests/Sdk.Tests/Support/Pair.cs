using Nixl.Sdk.Interop;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Tests.Support;

/// <summary>Two agents in one process, connected both ways once their memory is registered.</summary>
internal sealed class Pair : IAsyncDisposable
{
    private static int _counter;
    private readonly List<TestMemory> _memory = [];

    private Pair(Backend backend, FakeTransport? fake, NixlAgent a, NixlAgent b)
    {
        Backend = backend;
        Fake = fake;
        A = a;
        B = b;
    }

    public Backend Backend { get; }

    public FakeTransport? Fake { get; }

    public NixlAgent A { get; }

    public NixlAgent B { get; }

    /// <summary>B as A sees it.</summary>
    public RemoteAgent ToB { get; private set; } = null!;

    /// <summary>A as B sees it.</summary>
    public RemoteAgent ToA { get; private set; } = null!;

    public static NixlAgentOptions Options(Backend backend, string name, FakeTransport? fake = null) => new()
    {
        Name = name, Transports = backend.Transports(), Transport = fake, QuiesceGrace = TimeSpan.FromMilliseconds(200),
    };

    public static string UniqueName(string role) => $"{role}-{Environment.ProcessId}-{Interlocked.Increment(ref _counter)}";

    public static async Task<Pair> CreateAsync(Backend backend, Action<NixlAgentOptions>? change = null)
    {
        var fake = backend == Backend.Fake ? new FakeTransport() : null;
        var a = Options(backend, UniqueName("a"), fake);
        var b = Options(backend, UniqueName("b"), fake);
        change?.Invoke(a);
        change?.Invoke(b);
        return new Pair(
            backend, fake, await NixlAgent.CreateAsync(a).SoonAsync(), await NixlAgent.CreateAsync(b).SoonAsync());
    }

    /// <summary>Memory of A; call before <see cref="ConnectAsync"/>.</summary>
    public TestMemory MemoryOfA(long length, bool arena = true) => Keep(new TestMemory(A, length, arena));

    /// <summary>Memory of B; call before <see cref="ConnectAsync"/>.</summary>
    public TestMemory MemoryOfB(long length, bool arena = true) => Keep(new TestMemory(B, length, arena));

    /// <summary>Exchanges metadata. Again: takes over what was registered meanwhile.</summary>
    public async Task ConnectAsync()
    {
        ToB = await A.ConnectAsync(B.ExportMetadata()).SoonAsync();
        ToA = await B.ConnectAsync(A.ExportMetadata()).SoonAsync();
    }

    /// <summary>A's operations make no progress from now on, or go on again.</summary>
    public void SetHang(bool hang)
    {
        if (Fake is not null)
            Fake.Hang = hang;
        else
            SetFaults(new NativeLoopbackFaults { Hang = hang ? 1u : 0 });
    }

    /// <summary>Loopback only.</summary>
    public void SetFaults(NativeLoopbackFaults faults)
    {
        foreach (var agent in (NixlAgent[])[A, B])
            Assert.Equal(NixlStatus.Success, ((NativeAgentCore)agent.Runtime.Core).SetLoopbackFaults(faults));
    }

    /// <summary>A's next operation fails.</summary>
    public void FailNext()
    {
        if (Fake is not null)
            Fake.FailNext();
        else
            SetFaults(new NativeLoopbackFaults { FailEvery = 1 });
    }

    public async ValueTask DisposeAsync()
    {
        await A.DisposeAsync().SoonAsync();
        await B.DisposeAsync().SoonAsync();
        foreach (var memory in _memory)
            memory.Dispose();
    }

    private TestMemory Keep(TestMemory memory)
    {
        _memory.Add(memory);
        return memory;
    }
}
