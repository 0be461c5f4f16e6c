using System.Text;
using Nixl.Sdk;
using static Nixl.Sdk.ElementType;

// Two agents; usually in two processes, here in one. Each registers a pool of 64 blocks.
await using var prefill = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "prefill-0" });
await using var decode = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "decode-0" });
var model = new ModelIdentity("my-model", "revision-1");
using var source = KvPool<MyModelKv>.Allocate(prefill, blocks: 64, model);
using var target = KvPool<MyModelKv>.Allocate(decode, blocks: 64, model);

// Once per peer: exchange metadata (any way you like), connect, compare the layouts, prepare the lists.
var peer = await prefill.ConnectAsync(decode.ExportMetadata());
using var remote = source.Connect(peer);

// Once per request: blocks 3, 7, 12 here become blocks 40, 5, 21 there, and the peer is told when every byte has arrived.
for (var piece = 0; piece < source.PiecesPerBlock(); piece++)
    foreach (var block in (int[])[3, 7, 12]) source.Piece(piece, block).Fill((byte)(block + piece));
var result = await remote.WriteBlocksAsync([3, 7, 12], [40, 5, 21], notification: "request-1"u8);

using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
await decode.WaitForNotificationAsync(deadline.Token);
var payload = new byte[256];
if (!decode.TryReadNotification(payload, out var arrived)) return 1;
Console.WriteLine($"{Encoding.UTF8.GetString(payload, 0, arrived.PayloadLength)} from {arrived.Sender}: {result.Bytes} bytes over {result.Transport}");
for (var piece = 0; piece < target.PiecesPerBlock(); piece++)
    foreach (var (from, to) in ((int, int)[])[(3, 40), (7, 5), (12, 21)])
        if (target.Piece(piece, to).ContainsAnyExcept((byte)(from + piece))) return 1;
return 0;

/// <summary>The KV cache of a model: keys and values per layer, 16 tokens a block, 8 heads of 128 bf16 elements.</summary>
[KvLayout("L P | B N H D", Layers = 32, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct MyModelKv
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
