import com.futu.openapi.FTAPI;
import com.futu.openapi.FTAPI_Conn;
import com.futu.openapi.FTSPI_Conn;
import com.futu.openapi.pb.QotCommon;
import com.futu.openapi.pb.QotGetShortInterest;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;

/**
 * Prints every page of a security's history, newest first, as one line of JSON each. Then it ends.
 * Arguments: a market's number and a code. A failure is printed as a page, and ends the program as well.
 */
public class Pages implements FTSPI_Qot, FTSPI_Conn {
    private final FTAPI_Conn_Qot qot = new FTAPI_Conn_Qot();
    private final QotCommon.Security security;

    Pages(int market, String code) {
        security = QotCommon.Security.newBuilder().setMarket(market).setCode(code).build();
        qot.setClientInfo("javaclient", 1);
        qot.setConnSpi(this);
        qot.setQotSpi(this);
    }

    private void request(QotGetShortInterest.C2S.Builder c2s) {
        c2s.setSecurity(security).setNum(50);
        qot.getShortInterest(QotGetShortInterest.Request.newBuilder().setC2S(c2s).build());
    }

    @Override
    public void onInitConnect(FTAPI_Conn client, long errCode, String desc) {
        if (errCode != 0) {
            System.err.printf("Qot onInitConnect: ret=%d desc=%s\n", errCode, desc);
            System.exit(1);
        }
        request(QotGetShortInterest.C2S.newBuilder());
    }

    @Override
    public void onReply_GetShortInterest(FTAPI_Conn client, int nSerialNo, QotGetShortInterest.Response rsp) {
        try {
            System.out.println(JsonFormat.printer().omittingInsignificantWhitespace().print(rsp));
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException(e);
        }
        String nextKey = rsp.getS2C().getNextKey();
        if (nextKey.isEmpty() || nextKey.equals("-1")) {
            System.exit(0);
        }
        request(QotGetShortInterest.C2S.newBuilder().setNextKey(nextKey));
    }

    public static void main(String[] args) throws InterruptedException {
        FTAPI.init();
        Pages pages = new Pages(Integer.parseInt(args[0]), args[1]);
        pages.qot.initConnect("127.0.0.1", Integer.getInteger("port", 11111), false);
        // The SDK's threads are daemons.
        Thread.currentThread().join();
    }
}
