using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Connector;

public class RecentCancelsTests
{
    [Fact]
    public void A_peer_that_cancels_without_end_makes_nothing_of_another_forgotten()
    {
        var cancels = new RecentCancels(peers: 3, ofEach: 4);
        var (friend, hostile) = (new PeerIdentity("friend", 1), new PeerIdentity("hostile", 2));
        cancels.Add(friend, 7);
        for (ulong id = 0; id < 1000; id++) cancels.Add(hostile, id);
        Assert.True(cancels.Contains(friend, 7));
        Assert.False(cancels.Contains(new PeerIdentity("friend", 2), 7)); // another incarnation
        Assert.True(cancels.Contains(hostile, 999));
        Assert.False(cancels.Contains(hostile, 995));
        for (ulong peer = 10; peer < 13; peer++) cancels.Add(new PeerIdentity("later", peer), 1);
        Assert.False(cancels.Contains(friend, 7)); // bounded in peers, too
    }
}
