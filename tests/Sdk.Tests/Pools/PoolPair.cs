using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Two agents with a pool each, connected from A to B. A's pool holds random bytes, B's poison.</summary>
internal sealed class PoolPair<T> : IAsyncDisposable
    where T : IKvLayout<T>
{
    private readonly Pair _agents;

    private PoolPair(Pair agents, KvPool<T> a, KvPool<T> b)
    {
        _agents = agents;
        A = a;
        B = b;
    }

    public Pair Agents => _agents;

    public KvPool<T> A { get; }

    public KvPool<T> B { get; }

    public RemoteKvPool<T> Remote { get; private set; } = null!;

    public static ModelIdentity Model { get; } = new("tiny-llama", "sha256:1234");

    public static async Task<PoolPair<T>> CreateAsync(
        Backend backend, long blocksA, long blocksB, Func<NixlAgent, KvPool<T>>? makeA = null, Func<NixlAgent, KvPool<T>>? makeB = null,
        Action<NixlAgentOptions>? change = null)
    {
        var agents = await Pair.CreateAsync(backend, change);
        var a = makeA?.Invoke(agents.A) ?? KvPool<T>.Allocate(agents.A, blocksA, Model);
        var b = makeB?.Invoke(agents.B) ?? KvPool<T>.Allocate(agents.B, blocksB, Model);
        var pair = new PoolPair<T>(agents, a, b);
        await agents.ConnectAsync();
        pair.Remote = a.Connect(agents.ToB);
        return pair;
    }

    public async ValueTask DisposeAsync()
    {
        await Remote.DisposeAsync().SoonAsync();
        A.Dispose();
        B.Dispose();
        await _agents.DisposeAsync();
    }
}
